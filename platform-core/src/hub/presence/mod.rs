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

/// Somebody in a room, at one instance, from when they enter until they are not there any more.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Present {
    /// Who.
    pub principal: PrincipalId,
    /// The instance, which renews the lease.
    pub instance: Uuid,
    /// Which of the instance's stays it is. Whoever leaves and enters again begins another, so that a backend that hears of the leaving
    /// last ends the stay that is over, and not the one that goes on.
    pub stay: u64,
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

    /// These are not any more. One that is not there is no error.
    async fn remove(&self, gone: &[(Topic, Present)]) -> Result<(), PresenceError>;

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
    here: Mutex<Here>,
}

#[derive(Default)]
struct Here {
    stays: HashMap<(Topic, PrincipalId), Stay>,
    /// The number of the last stay that began.
    last: u64,
}

/// Somebody in a room here.
struct Stay {
    number: u64,
    /// How often they have entered it, such as with two windows.
    times: usize,
}

/// What became of one who enters.
enum Entered {
    /// They had not been there.
    First(Present),
    Again,
    /// There is no place for one more to be told.
    Untold,
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
        self.entered(room, self.count_in(room, principal)).await
    }

    async fn entered(&self, room: &Topic, entered: Entered) -> Result<(), PresenceError> {
        let Entered::First(present) = entered else {
            return Ok(());
        };
        self.renew_all(&[(room.clone(), present)]).await
    }

    /// Somebody leaves a room, and is not in it any more if they had entered it once.
    ///
    /// # Errors
    /// [`PresenceError`]: the lease ends by itself.
    pub async fn leave(&self, room: &Topic, principal: PrincipalId) -> Result<(), PresenceError> {
        match self.count_out(room, principal) {
            Some(gone) => self.remove(&[(room.clone(), gone)]).await,
            None => Ok(()),
        }
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
            let here = self.here();
            let stays = here.stays.iter();
            stays
                .map(|((room, principal), stay)| (room.clone(), self.present(*principal, stay.number)))
                .collect()
        };
        for batch in everybody.chunks(BATCH) {
            self.renew_all(batch).await?;
        }
        Ok(())
    }

    /// Tells that somebody has connected; `false` when there was no place for one more to be told.
    pub(super) async fn joined(&self, identity: &Identity) -> bool {
        let room = Self::connected(identity.tenant);
        let entered = self.count_in(&room, identity.principal);
        let is_counted = !matches!(entered, Entered::Untold);
        if let Err(error) = self.entered(&room, entered).await {
            tracing::warn!(error = %crate::error_chain(&error), "presence is told late");
        }
        is_counted
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

    /// Renews leases, and takes those back whose stays have ended meanwhile: the renewal may have reached the backend after their leaving.
    async fn renew_all(&self, present: &[(Topic, Present)]) -> Result<(), PresenceError> {
        let renewed = self.0.backend.renew(present, self.0.config.lease);
        self.bounded(renewed).await?;
        let gone: Vec<_> = {
            let here = self.here();
            let is_over = |(room, present): &&(Topic, Present)| !here.goes_on(room, present);
            present.iter().filter(is_over).cloned().collect()
        };
        self.remove(&gone).await
    }

    async fn remove(&self, gone: &[(Topic, Present)]) -> Result<(), PresenceError> {
        if gone.is_empty() {
            return Ok(());
        }
        self.bounded(self.0.backend.remove(gone)).await
    }

    fn present(&self, principal: PrincipalId, stay: u64) -> Present {
        Present {
            principal,
            instance: self.0.instance,
            stay,
        }
    }

    fn count_in(&self, room: &Topic, principal: PrincipalId) -> Entered {
        let mut here = self.here();
        let here = &mut *here;
        let known = here.stays.len();
        match here.stays.entry((room.clone(), principal)) {
            Entry::Occupied(mut stay) => {
                stay.get_mut().times += 1;
                Entered::Again
            }
            Entry::Vacant(_) if known >= self.0.config.entries_max => {
                tracing::warn!("too many are present for one more to be told");
                Entered::Untold
            }
            Entry::Vacant(place) => {
                here.last += 1;
                let number = here.last;
                place.insert(Stay { number, times: 1 });
                Entered::First(self.present(principal, number))
            }
        }
    }

    /// The stay that is over, if it was for the last time.
    fn count_out(&self, room: &Topic, principal: PrincipalId) -> Option<Present> {
        let mut here = self.here();
        let Entry::Occupied(mut stay) = here.stays.entry((room.clone(), principal)) else {
            return None;
        };
        stay.get_mut().times -= 1;
        if stay.get().times > 0 {
            return None;
        }
        let Stay { number, .. } = stay.remove();
        Some(self.present(principal, number))
    }

    fn here(&self) -> MutexGuard<'_, Here> {
        self.0.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Here {
    fn goes_on(&self, room: &Topic, present: &Present) -> bool {
        let stay = self.stays.get(&(room.clone(), present.principal));
        stay.is_some_and(|stay| stay.number == present.stay)
    }
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence")
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}
