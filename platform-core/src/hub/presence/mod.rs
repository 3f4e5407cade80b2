//! Who is connected.

mod memory;
#[cfg(feature = "redis")]
mod redis;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Identity;
use crate::bus::Topic;
use crate::{PrincipalId, Sources, TenantId};

pub use memory::MemoryPresence;
#[cfg(feature = "redis")]
pub use redis::RedisPresence;

/// The room in which everybody of a tenant is who is connected.
const CONNECTED: &str = "connected";

/// Leases that one call of a backend renews.
const BATCH: usize = 500;

/// How presence is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresenceConfig {
    /// For how long somebody is taken as present whose instance says nothing any more. 30 s.
    pub lease: Duration,
    /// How often the instance renews the leases of everybody it has. 10 s.
    pub renew_every: Duration,
    /// How long one call of the backend may take. 2 s.
    pub timeout: Duration,
    /// Rooms and principals that one instance tells of; those beyond are not told. 100,000.
    pub entries_max: usize,
}

impl Default for PresenceConfig {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            renew_every: Duration::from_secs(10),
            timeout: Duration::from_secs(2),
            entries_max: 100_000,
        }
    }
}

/// Somebody in a room, at one instance.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Present {
    /// Who.
    pub principal: PrincipalId,
    /// The instance, which renews the lease.
    pub instance: Uuid,
}

/// Presence could not be told or read.
#[derive(Debug, thiserror::Error)]
#[error("presence is not reached")]
pub struct PresenceError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Keeps who is present, each under a lease that ends unless it is renewed: an instance that dies takes everybody it had with it.
#[async_trait]
pub trait PresenceBackend: Send + Sync + 'static {
    /// These are present for as long as the lease.
    async fn renew(&self, present: &[(Topic, Present)], lease: Duration) -> Result<(), PresenceError>;

    /// This one is not any more.
    async fn remove(&self, room: &Topic, present: &Present) -> Result<(), PresenceError>;

    /// Who is present in a room, at most so many.
    async fn list(&self, room: &Topic, max: usize) -> Result<Vec<Present>, PresenceError>;
}

/// Tells who is connected, by tenant and room, at all instances that share a backend. Cheap to clone.
///
/// It is told with a delay and may be wrong for as long as a lease: it shows who is there, and decides nothing.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use platform_core::hub::{MemoryPresence, Presence, PresenceConfig};
/// use platform_core::bus::Topic;
/// use platform_core::{PrincipalId, Sources, TenantId};
///
/// let sources = Sources::system();
/// let presence = Presence::new(MemoryPresence::new(&sources), PresenceConfig::default(), &sources);
/// let room = Topic::tenant(TenantId::generate(&sources), "desk-7")?;
/// let trader = PrincipalId::generate(&sources);
///
/// presence.enter(&room, trader).await?;
/// assert_eq!(presence.who(&room, 100).await?, [trader]);
/// presence.leave(&room, trader).await?;
/// assert!(presence.who(&room, 100).await?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Presence(Arc<Inner>);

struct Inner {
    backend: Box<dyn PresenceBackend>,
    config: PresenceConfig,
    instance: Uuid,
    /// How often each is in a room here, such as with two windows.
    here: Mutex<HashMap<(Topic, PrincipalId), usize>>,
}

impl Presence {
    /// Presence that is kept in a backend.
    pub fn new(backend: impl PresenceBackend, config: PresenceConfig, sources: &Sources) -> Self {
        Self(Arc::new(Inner {
            backend: Box::new(backend),
            config,
            instance: Uuid::from_bytes(sources.bytes()),
            here: Mutex::default(),
        }))
    }

    /// Somebody enters a room, perhaps once more.
    ///
    /// # Errors
    /// [`PresenceError`]: it is told with the next renewal.
    pub async fn enter(&self, room: &Topic, principal: PrincipalId) -> Result<(), PresenceError> {
        if self.count_in(room, principal) {
            let entered = [(room.clone(), self.here(principal))];
            let renewed = self.0.backend.renew(&entered, self.0.config.lease);
            return self.bounded(renewed).await;
        }
        Ok(())
    }

    /// Somebody leaves a room, and is not in it any more if they had entered it once.
    ///
    /// # Errors
    /// [`PresenceError`]: the lease ends by itself.
    pub async fn leave(&self, room: &Topic, principal: PrincipalId) -> Result<(), PresenceError> {
        if self.count_out(room, principal) {
            let gone = self.here(principal);
            return self.bounded(self.0.backend.remove(room, &gone)).await;
        }
        Ok(())
    }

    /// Who is in a room at any instance, each once and in the order of their ids: at most `max` of them.
    ///
    /// # Errors
    /// [`PresenceError`].
    pub async fn who(&self, room: &Topic, max: usize) -> Result<Vec<PrincipalId>, PresenceError> {
        let present = self.bounded(self.0.backend.list(room, max)).await?;
        let mut principals: Vec<PrincipalId> = present.into_iter().map(|present| present.principal).collect();
        principals.sort();
        principals.dedup();
        Ok(principals)
    }

    /// The room in which everybody of a tenant is who is connected to a hub.
    pub fn connected(tenant: TenantId) -> Topic {
        Topic::tenant(tenant, CONNECTED).expect("a name of letters")
    }

    /// Renews the leases of everybody who is here, until it is told to stop. To be run once, as a worker.
    pub async fn renew(&self, stop: CancellationToken) {
        let mut ticks = interval(self.0.config.renew_every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            if let Err(error) = self.renew_once().await {
                tracing::warn!(error = %crate::error_chain(&error), "presence was not renewed");
            }
        }
    }

    /// Renews the leases of everybody who is here.
    ///
    /// # Errors
    /// [`PresenceError`]: some of them may have been renewed.
    pub async fn renew_once(&self) -> Result<(), PresenceError> {
        let everybody: Vec<(Topic, Present)> = {
            let here = self.counts();
            here.keys()
                .map(|(room, principal)| (room.clone(), self.here(*principal)))
                .collect()
        };
        for batch in everybody.chunks(BATCH) {
            self.bounded(self.0.backend.renew(batch, self.0.config.lease))
                .await?;
        }
        Ok(())
    }

    pub(super) async fn joined(&self, identity: &Identity) {
        if let Err(error) = self
            .enter(&Self::connected(identity.tenant), identity.principal)
            .await
        {
            tracing::warn!(error = %crate::error_chain(&error), "presence is told late");
        }
    }

    pub(super) async fn left(&self, identity: &Identity) {
        if let Err(error) = self
            .leave(&Self::connected(identity.tenant), identity.principal)
            .await
        {
            tracing::warn!(error = %crate::error_chain(&error), "presence ends late");
        }
    }

    async fn bounded<T>(
        &self,
        call: impl Future<Output = Result<T, PresenceError>>,
    ) -> Result<T, PresenceError> {
        let done = timeout(self.0.config.timeout, call).await;
        done.map_err(|late| PresenceError(Box::new(late)))?
    }

    fn here(&self, principal: PrincipalId) -> Present {
        Present {
            principal,
            instance: self.0.instance,
        }
    }

    /// Tells whether it is for the first time.
    fn count_in(&self, room: &Topic, principal: PrincipalId) -> bool {
        let mut here = self.counts();
        let known = here.len();
        match here.entry((room.clone(), principal)) {
            Entry::Occupied(mut times) => {
                *times.get_mut() += 1;
                false
            }
            Entry::Vacant(_) if known >= self.0.config.entries_max => {
                tracing::warn!("too many are present for one more to be told");
                false
            }
            Entry::Vacant(place) => {
                place.insert(1);
                true
            }
        }
    }

    /// Tells whether it was for the last time.
    fn count_out(&self, room: &Topic, principal: PrincipalId) -> bool {
        let mut here = self.counts();
        let Entry::Occupied(mut times) = here.entry((room.clone(), principal)) else {
            return false;
        };
        *times.get_mut() -= 1;
        let is_last = *times.get() == 0;
        if is_last {
            times.remove();
        }
        is_last
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<(Topic, PrincipalId), usize>> {
        self.0.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence")
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}
