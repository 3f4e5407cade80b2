//! Why there is no report.

use platform_core::pg::DbError;

use crate::{AuditError, VerifyError};

/// There is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The report of the integrity takes no range, and every other one needs one.
    #[error("every report but that of the integrity is over a range of time")]
    NoRange,
    /// It could not be recorded that the report is read, so it is not.
    #[error("the report could not be recorded")]
    Unrecorded(#[from] AuditError),
    /// The trail could not be verified.
    #[error("the trail could not be verified")]
    Verify(#[from] VerifyError),
    /// A row could not be written; a defect of this program.
    #[error("a row could not be written")]
    Json(#[from] serde_json::Error),
    /// The same for a table.
    #[error("a row could not be written")]
    Csv(#[from] csv::Error),
    /// What was asked for does not take what is written.
    #[error("the report could not be given out")]
    Io(#[from] std::io::Error),
    /// The database refused or could not be reached.
    #[error("the trail could not be read")]
    Db(#[from] DbError),
}
