//! What keeps leases.

use async_trait::async_trait;

use super::{Holder, Lease, LeaseName, Renewed, Ttl};
use crate::pg::DbError;

/// How far the tokens of a backend can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fencing {
    /// They grow as long as the backend lives, and may repeat when it is lost.
    Volatile,
    /// They grow for ever: a backend that has answered remembers.
    Durable,
}

/// What a backend promises. Its conformance suite fails one that promises too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseCaps {
    /// How far its tokens can be trusted.
    pub fencing: Fencing,
    /// Do other processes see its leases?
    pub shared: bool,
}

impl LeaseCaps {
    /// Is everything promised that is needed?
    pub fn cover(self, needs: Self) -> bool {
        self.fencing >= needs.fencing && (self.shared || !needs.shared)
    }
}

/// Keeps leases: [`PgLeases`](super::PgLeases) in the database, [`MemoryLeases`](super::MemoryLeases) in this process.
///
/// Every operation is atomic, and cancel-safe in this sense: dropped half-way it has happened or not, and a lease that nobody knows
/// of ends by itself. Whoever writes another one runs [`conformance::lease`](crate::conformance::lease) on it.
#[async_trait]
pub trait LeaseBackend: Send + Sync + 'static {
    /// What it promises.
    fn caps(&self) -> LeaseCaps;

    /// Takes the lease if nobody holds it. `None` when somebody does, whoever that is. Waits for no other holder.
    ///
    /// # Errors
    /// [`LeaseError`]; the lease may have been taken all the same and then ends by itself.
    async fn try_acquire(
        &self,
        name: &LeaseName,
        ttl: Ttl,
        holder: &Holder,
    ) -> Result<Option<Lease>, LeaseError>;

    /// Lets the lease last `ttl` from now, if it is held still.
    ///
    /// # Errors
    /// [`LeaseError`]; the lease is held for as long as it was before, or longer.
    async fn renew(&self, lease: &Lease, ttl: Ttl) -> Result<Renewed, LeaseError>;

    /// Ends the lease now, if it is held still. The next holder need not wait.
    ///
    /// # Errors
    /// [`LeaseError`]; the lease ends by itself then.
    async fn release(&self, lease: &Lease) -> Result<(), LeaseError>;
}

/// Why a backend did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    /// It cannot be reached or did not answer in time. Try again; nobody leads meanwhile.
    #[error("the leases cannot be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It refused. A defect of this program or of its set-up; trying again does not help.
    #[error("the leases refused the operation")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl LeaseError {
    /// May trying again help?
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<DbError> for LeaseError {
    fn from(error: DbError) -> Self {
        match error.is_unavailable() {
            true => Self::Unavailable(error.into()),
            false => Self::Failed(error.into()),
        }
    }
}
