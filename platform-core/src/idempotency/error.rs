//! Why a key was not claimed or answered.

use std::time::Duration;

use crate::pg::DbError;

/// Why a key could not be claimed. The transaction has changed nothing by it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// The key was used for something else. A client's mistake: 422 `idempotency_key_reused`.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The same operation is under way, and was not done in time. 409 `idempotency_in_flight` with `Retry-After`.
    #[error("the same request is being worked on")]
    InFlight {
        /// When its answer may be there.
        retry_after: Duration,
    },
    /// The database failed. Roll back: nothing may be done without the claim.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Why an answer was not stored. The transaction cannot be committed any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompleteError {
    /// The body is longer than is stored. A defect of this program, or of its limits.
    #[error("the answer has {bytes} bytes, and {bytes_max} are stored")]
    TooLarge {
        /// The body's length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The claim was made in another transaction, or rolled back. A defect of this program.
    #[error("the idempotency key was not claimed in this transaction")]
    NotClaimed,
    /// The database failed. Roll back.
    #[error(transparent)]
    Db(#[from] DbError),
}
