//! Why there is no proof.

use platform_core::pg::DbError;

use crate::{EventState, MissingHash, NoSuchProof};

/// There is no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// No signed checkpoint covers the event yet, so that nothing can be claimed of it. Ask again.
    #[error("the event is {0} and no signed checkpoint covers it yet")]
    Pending(EventState),
    /// A size is larger than the newest signed checkpoint, or the older of two sizes is not the smaller.
    #[error("no signed checkpoint covers what was asked for")]
    NotCovered(#[from] NoSuchProof),
    /// What is stored of the tree contradicts itself or its checkpoint: it was altered. Tell the operator, who verifies the trail.
    #[error("the stored tree does not give the root that was signed at size {size}")]
    Damaged {
        /// The size of the checkpoint.
        size: u64,
    },
    /// The database refused or could not be reached.
    #[error("the tree could not be read")]
    Db(#[from] DbError),
}

impl ProveError {
    /// The tile that should hold a hash of this tree does not.
    pub(crate) fn damaged(size: u64) -> impl Fn(MissingHash) -> Self {
        move |_| Self::Damaged { size }
    }
}

impl From<sqlx::Error> for ProveError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}
