//! Why a stored trail could not be verified.

use platform_core::pg::DbError;

use crate::{HeadRefused, KeyName};

/// The trail was not verified. Nothing is known of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// There is no such tenant.
    #[error("there is no such tenant")]
    UnknownTenant,
    /// The name of the trusted log is not that of the tenant's: it does not end with the tenant's id.
    #[error("{origin} is not the log of this tenant")]
    ForeignOrigin {
        /// The name that was given.
        origin: KeyName,
    },
    /// The database refused or could not be reached. Try again.
    #[error("the trail could not be read")]
    Db(#[from] DbError),
    /// Signed heads came to be compared out of order; a defect of this program.
    #[error("the heads of the trail are out of order")]
    Heads(#[from] HeadRefused),
    /// The process is being shut down.
    #[error("the verification was interrupted")]
    Interrupted,
}

impl From<sqlx::Error> for VerifyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}
