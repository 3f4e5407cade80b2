//! Why a person was not given what the trail has about them.

use platform_core::pg::DbError;
use platform_crypto::KeyError;

use super::seqs::SUBJECT_EVENTS_MAX;
use crate::ExportError;

/// An export about a data subject did not begin, or did not come to its end. What was given out until then is not to be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectExportError {
    /// As for every export.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// There are more than [`SUBJECT_EVENTS_MAX`] events about the subject. Export the trail and search it.
    #[error("there are more than {SUBJECT_EVENTS_MAX} events about the data subject")]
    TooMany,
    /// The keys cannot be had. Try again later.
    #[error("what is sealed could not be opened")]
    Keys(#[from] KeyError),
}

impl From<DbError> for SubjectExportError {
    fn from(error: DbError) -> Self {
        Self::Export(error.into())
    }
}

impl SubjectExportError {
    /// What is recorded of it.
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::Export(ExportError::Db(_)) => "unavailable",
            Self::Export(ExportError::Damaged { .. } | ExportError::Unproven(_)) => "damaged",
            Self::Keys(_) => "keys_unavailable",
            Self::Export(_) | Self::TooMany => "failed",
        }
    }
}
