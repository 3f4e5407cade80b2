//! Why an export did not begin or did not come to its end.

use platform_core::pg::DbError;

use crate::{AuditError, InvalidFilter, ProveError};

/// An export did not begin, or did not come to its end. What was given out until then is not to be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The filter means nothing; whoever made it has to change it.
    #[error(transparent)]
    Filter(#[from] InvalidFilter),
    /// Nothing was signed yet, so that nothing could be proven of what was exported. Ask again.
    #[error("no signed checkpoint covers anything of the trail yet")]
    NoCheckpoint,
    /// The export would begin behind the newest signed checkpoint.
    #[error("the first position is behind the {size} that are signed")]
    FirstSeq {
        /// How many positions are signed.
        size: u64,
    },
    /// It took longer than an hour. Export less at a time.
    #[error("the export took longer than it may")]
    TooLong,
    /// What is stored contradicts what was signed: it was altered. Tell the operator, who verifies the trail.
    #[error("what is stored at position {seq} is not what was signed")]
    Damaged {
        /// The position.
        seq: u64,
    },
    /// The stored tree contradicts its checkpoint.
    #[error(transparent)]
    Unproven(ProveError),
    /// It could not be recorded that the trail is exported, so it is not.
    #[error("the export could not be recorded")]
    Unrecorded(#[from] AuditError),
    /// The manifest could not be written; a defect of this program.
    #[error("the manifest could not be written")]
    Manifest,
    /// The database refused or could not be reached.
    #[error("the trail could not be read")]
    Db(#[from] DbError),
}

impl From<ProveError> for ExportError {
    fn from(error: ProveError) -> Self {
        match error {
            ProveError::Db(error) => Self::Db(error),
            other => Self::Unproven(other),
        }
    }
}

impl From<sqlx::Error> for ExportError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}
