//! Why a round ended early.

use platform_core::pg::DbError;

use crate::TreeFull;

/// A round ended early. What it had committed stays, what it had begun is begun again by the next one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SequencerError {
    /// The database refused or could not be reached. Try again after a while.
    #[error("the sequencer's transaction failed")]
    Db(#[from] DbError),
    /// A tree cannot take another leaf; none ever gets so large.
    #[error(transparent)]
    TreeFull(#[from] TreeFull),
    /// The runtime is stopping, or a computation has panicked.
    #[error("the sequencer's computation was cut off")]
    CutOff(#[from] tokio::task::JoinError),
}

impl SequencerError {
    /// Whether the same may succeed in the next round, with everything that this process knows still being so: a statement took too
    /// long or lost against another one.
    pub(super) const fn is_passing(&self) -> bool {
        matches!(self, Self::Db(DbError::Timeout(_) | DbError::Retry(_)))
    }

    /// Whether the database is gone or busy, rather than something being wrong with what was asked of it.
    pub(super) fn is_unavailable(&self) -> bool {
        match self {
            Self::Db(error) => error.is_unavailable(),
            Self::CutOff(_) => true,
            Self::TreeFull(_) => false,
        }
    }
}
