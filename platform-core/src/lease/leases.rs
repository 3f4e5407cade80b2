//! The handle to the leases of a service.

use std::fmt;
use std::sync::Arc;

use super::{Holder, Lease, LeaseBackend, LeaseCaps, LeaseError, LeaseName, Renewed, Ttl};
use crate::Sources;

/// The leases of a service, wherever they are kept. Cheap to clone.
///
/// ```
/// use std::time::Duration;
/// use platform_core::Sources;
/// use platform_core::lease::{Holder, LeaseName, Leases, MemoryLeases, Renewed, Ttl};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let sources = Sources::system();
/// let leases = Leases::new(MemoryLeases::new(&sources), &sources);
/// let (name, ttl) = (LeaseName::platform("close-month")?, Ttl::new(Duration::from_secs(15))?);
///
/// let lease = leases.try_acquire(&name, ttl, &Holder::new("first")?).await?.ok_or("it is free")?;
/// assert!(leases.try_acquire(&name, ttl, &Holder::new("second")?).await?.is_none());
///
/// leases.release(&lease).await?;
/// assert_eq!(leases.renew(&lease, ttl).await?, Renewed::Lost);
/// # Ok(()) }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Clone)]
pub struct Leases {
    backend: Arc<dyn LeaseBackend>,
    pub(super) sources: Sources,
}

/// A backend of leases promises less than its user needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the backend of the leases promises {promised:?}, and {needed:?} is needed")]
pub struct MissingCapability {
    /// What the backend promises.
    pub promised: LeaseCaps,
    /// What its user needs.
    pub needed: LeaseCaps,
}

impl Leases {
    /// Leases that this backend keeps.
    pub fn new(backend: impl LeaseBackend, sources: &Sources) -> Self {
        Self {
            backend: Arc::new(backend),
            sources: sources.clone(),
        }
    }

    /// The same leases, for somebody who needs as much as this. To be asked at the start.
    ///
    /// # Errors
    /// [`MissingCapability`] when the backend promises less.
    pub fn needing(&self, needed: LeaseCaps) -> Result<Self, MissingCapability> {
        let promised = self.backend.caps();
        match promised.cover(needed) {
            true => Ok(self.clone()),
            false => Err(MissingCapability { promised, needed }),
        }
    }

    /// What the backend promises.
    pub fn caps(&self) -> LeaseCaps {
        self.backend.caps()
    }

    /// Takes a lease if nobody holds it. `None` when somebody does, also when that is a holder of the same name.
    ///
    /// # Errors
    /// [`LeaseError`]; the lease may have been taken all the same and then ends by itself.
    pub async fn try_acquire(
        &self,
        name: &LeaseName,
        ttl: Ttl,
        holder: &Holder,
    ) -> Result<Option<Lease>, LeaseError> {
        self.backend.try_acquire(name, ttl, holder).await
    }

    /// Lets a lease last `ttl` from now, if it is held still. A [`Guard`](super::Guard) does this by itself.
    ///
    /// # Errors
    /// [`LeaseError`]; the lease is held for as long as it was before, or longer.
    pub async fn renew(&self, lease: &Lease, ttl: Ttl) -> Result<Renewed, LeaseError> {
        self.backend.renew(lease, ttl).await
    }

    /// Ends a lease now. One that was over already stays so, and nobody else's is touched.
    ///
    /// # Errors
    /// [`LeaseError`]; the lease ends by itself then.
    pub async fn release(&self, lease: &Lease) -> Result<(), LeaseError> {
        self.backend.release(lease).await
    }
}

impl fmt::Debug for Leases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leases")
            .field("caps", &self.caps())
            .finish_non_exhaustive()
    }
}
