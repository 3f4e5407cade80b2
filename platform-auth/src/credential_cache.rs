//! What was looked up for the credentials of late, for as long as it is good.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use platform_core::{TenantId, Timestamp};
use tokio::sync::watch;

/// How long what was read counts without being read again.
pub(crate) const GOOD_FOR: Duration = Duration::from_secs(1);

/// How much earlier a request may have begun than the one that read what it finds.
const AHEAD_MAX: Duration = Duration::from_millis(100);

/// How long a request waits for what another one is reading already; longer than a database is waited for.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Over how many counters the changes of all tenants are spread.
const COUNTERS: usize = 64;

/// What the database says of credentials, found by the SHA-256 of the token. Bounded; what has not been used for the longest goes first.
///
/// An entry counts for [`GOOD_FOR`], and then is read again with one statement, however many requests wait for it. Another instance's
/// changes are therefore seen that much later at most, and this one's at once: whoever makes one holds a [`Changing`] while it commits.
/// Nothing is kept of tokens that nobody has, so that guessing fills no memory. What cannot be read is no answer: the caller has to refuse.
pub(crate) struct CredentialCache<T> {
    entries: Cache<Hash, Entry<T>>,
    flights: Mutex<HashMap<Hash, watch::Receiver<Option<Landed<T>>>>>,
    /// Grow with every change that this instance made; several tenants share one.
    changes: [AtomicU64; COUNTERS],
}

type Hash = [u8; 32];

#[derive(Clone)]
struct Entry<T> {
    value: T,
    read_at: Timestamp,
    /// The counter as it was before it was read.
    change: u64,
}

/// How reading ended: with what there is, if there is anything, or not at all.
#[derive(Clone)]
struct Landed<T> {
    found: Result<Option<T>, ()>,
    change: u64,
}

/// Why nothing was found out.
#[derive(Debug)]
pub(crate) enum NotLookedUp<E> {
    /// It could not be read.
    Failed(E),
    /// Another request could not read it, or did not in time.
    ForOthers,
}

/// A change of credentials that is being made. When it is over, whether it was committed or not, what was read before counts no more.
#[must_use = "it tells of the change when it goes"]
pub(crate) struct Changing<'a>(&'a AtomicU64);

impl<T: Clone + Send + Sync + 'static> CredentialCache<T> {
    /// Keeps as many entries as `weigh` in all to `weight_max`.
    pub(crate) fn new(weight_max: u64, weigh: fn(&T) -> u32) -> Self {
        let weigher = move |_: &Hash, entry: &Entry<T>| weigh(&entry.value);
        Self {
            entries: Cache::builder().max_capacity(weight_max).weigher(weigher).build(),
            flights: Mutex::default(),
            changes: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// What there is for a token of a tenant; read with `load` when what is known is too old, by one request for all that ask.
    pub(crate) async fn get<E>(
        &self,
        (tenant, hash): (TenantId, Hash),
        now: Timestamp,
        load: impl Future<Output = Result<Option<T>, E>>,
    ) -> Result<Option<T>, NotLookedUp<E>> {
        loop {
            if let Some(value) = self.fresh(tenant, &hash, now) {
                return Ok(Some(value));
            }
            let mut landing = match self.take_off(hash) {
                Turn::Lead(flight) => return self.lead(flight, tenant, now, load).await,
                Turn::Follow(landing) => landing,
            };
            let landed = tokio::time::timeout(WAIT_MAX, landing.wait_for(Option::is_some)).await;
            match landed {
                Err(_) => return Err(NotLookedUp::ForOthers),
                // Whoever was reading has gone away.
                Ok(Err(_)) => {}
                Ok(Ok(landed)) => match landed.as_ref() {
                    // What was read before a change that is over by now is no answer to who asks after it.
                    Some(landed) if landed.change == self.change(tenant) => {
                        return landed.found.clone().map_err(|()| NotLookedUp::ForOthers);
                    }
                    _ => {}
                },
            }
        }
    }

    /// Begins a change of credentials of a tenant, or of what their owners may do.
    pub(crate) fn changing(&self, tenant: TenantId) -> Changing<'_> {
        Changing(self.counter(tenant))
    }

    /// Has everything read again.
    #[cfg(feature = "http")]
    pub(crate) fn outdate(&self) {
        for counter in &self.changes {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }

    async fn lead<E>(
        &self,
        flight: Flight<'_, T>,
        tenant: TenantId,
        now: Timestamp,
        load: impl Future<Output = Result<Option<T>, E>>,
    ) -> Result<Option<T>, NotLookedUp<E>> {
        // Before anything is read: a change that comes between makes the entry worthless.
        let change = self.change(tenant);
        let found = load.await;
        match &found {
            Ok(Some(value)) => {
                let value = value.clone();
                let entry = Entry {
                    value,
                    read_at: now,
                    change,
                };
                self.entries.insert(flight.hash, entry);
            }
            Ok(None) => self.entries.invalidate(&flight.hash),
            Err(_) => {}
        }
        flight.land(Landed {
            found: found.as_ref().map(Clone::clone).map_err(|_| ()),
            change,
        });
        found.map_err(NotLookedUp::Failed)
    }

    fn fresh(&self, tenant: TenantId, hash: &Hash, now: Timestamp) -> Option<T> {
        let entry = self.entries.get(hash)?;
        // Who asks looked at the clock before who read, perhaps; a clock that was set back says nothing about age.
        let is_young = entry.read_at <= now + AHEAD_MAX && now - entry.read_at < GOOD_FOR;
        (is_young && entry.change == self.change(tenant)).then_some(entry.value)
    }

    fn take_off(&self, hash: Hash) -> Turn<'_, T> {
        let mut flights = self.flights();
        match flights.get(&hash) {
            // One whose reader has gone is nobody's.
            Some(landing) if landing.has_changed().is_ok() => Turn::Follow(landing.clone()),
            _ => {
                let (sender, receiver) = watch::channel(None);
                flights.insert(hash, receiver);
                Turn::Lead(Flight {
                    cache: self,
                    hash,
                    sender,
                })
            }
        }
    }

    fn change(&self, tenant: TenantId) -> u64 {
        self.counter(tenant).load(Ordering::SeqCst)
    }
}

impl<T> CredentialCache<T> {
    fn counter(&self, tenant: TenantId) -> &AtomicU64 {
        // The last byte of a UUIDv7 is random.
        let [.., last] = *tenant.as_uuid().as_bytes();
        let at = usize::from(last) % COUNTERS;
        self.changes.get(at).unwrap_or(&self.changes[0])
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Hash, watch::Receiver<Option<Landed<T>>>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

enum Turn<'a, T> {
    Lead(Flight<'a, T>),
    Follow(watch::Receiver<Option<Landed<T>>>),
}

/// That one request reads for all. When it is dropped before it lands, somebody else does.
struct Flight<'a, T> {
    cache: &'a CredentialCache<T>,
    hash: Hash,
    sender: watch::Sender<Option<Landed<T>>>,
}

impl<T> Flight<'_, T> {
    fn land(self, landed: Landed<T>) {
        self.sender.send_replace(Some(landed));
    }
}

impl<T> Drop for Flight<'_, T> {
    fn drop(&mut self) {
        let mut flights = self.cache.flights();
        flights.remove(&self.hash);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use platform_core::Sources;
    use time::macros::datetime;
    use tokio::sync::Barrier;

    use super::*;

    const NOW: Timestamp = datetime!(2026-01-02 03:04:05 UTC);
    const HASH: Hash = [7; 32];

    struct World {
        cache: CredentialCache<usize>,
        tenant: TenantId,
        reads: AtomicUsize,
    }

    impl World {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                cache: CredentialCache::new(100, |_| 1),
                tenant: TenantId::generate(&Sources::system()),
                reads: AtomicUsize::new(0),
            })
        }

        /// Reads how often it has been read.
        async fn read(&self) -> Result<Option<usize>, &'static str> {
            Ok(Some(self.reads.fetch_add(1, Ordering::SeqCst) + 1))
        }

        async fn get(&self, now: Timestamp) -> usize {
            let got = self.cache.get((self.tenant, HASH), now, self.read()).await;
            got.unwrap().unwrap()
        }
    }

    #[tokio::test]
    async fn what_was_read_counts_for_a_second_and_not_at_its_end() {
        let world = World::new();

        assert_eq!(world.get(NOW).await, 1);
        assert_eq!(world.get(NOW + GOOD_FOR - Duration::from_millis(1)).await, 1);
        assert_eq!(world.get(NOW + GOOD_FOR).await, 2);
        // The clock was set back.
        assert_eq!(world.get(NOW).await, 3);
    }

    #[tokio::test]
    async fn who_began_a_moment_before_the_one_that_read_does_not_read_again() {
        let world = World::new();

        assert_eq!(world.get(NOW + AHEAD_MAX).await, 1);
        assert_eq!(world.get(NOW).await, 1);
        assert_eq!(world.get(NOW - Duration::from_millis(1)).await, 2);
    }

    #[tokio::test]
    async fn a_change_of_this_instance_is_seen_at_once() {
        let world = World::new();
        assert_eq!(world.get(NOW).await, 1);

        drop(world.cache.changing(world.tenant));

        assert_eq!(world.get(NOW).await, 2);
    }

    #[tokio::test]
    async fn what_was_read_before_a_change_that_came_between_is_not_kept() {
        let world = World::new();
        let late = async {
            let read = world.read().await;
            drop(world.cache.changing(world.tenant));
            read
        };

        let got = world.cache.get((world.tenant, HASH), NOW, late).await;

        assert_eq!(got.unwrap(), Some(1), "who asked before the change");
        assert_eq!(world.get(NOW).await, 2, "who asks after it");
    }

    #[tokio::test]
    async fn however_many_ask_one_reads() {
        let world = World::new();
        let all_ask = Arc::new(Barrier::new(33));

        let asking: Vec<_> = (0..32)
            .map(|_| {
                let (world, all_ask) = (world.clone(), all_ask.clone());
                tokio::spawn(async move {
                    let slow = async {
                        tokio::task::yield_now().await;
                        all_ask.wait().await;
                        world.read().await
                    };
                    world.cache.get((world.tenant, HASH), NOW, slow).await
                })
            })
            .collect();
        // The one that reads waits for this; 31 others never do, so that only a reset of the barrier would let a second one through.
        for _ in 0..32 {
            let all_ask = all_ask.clone();
            tokio::spawn(async move { all_ask.wait().await });
        }

        for asked in asking {
            assert_eq!(asked.await.unwrap().unwrap(), Some(1));
        }
        assert_eq!(world.reads.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_no_answer_and_is_tried_again() {
        let world = World::new();
        assert_eq!(world.get(NOW).await, 1);
        let failing = async { Err("gone") };

        let got = world
            .cache
            .get((world.tenant, HASH), NOW + GOOD_FOR, failing)
            .await;

        assert!(matches!(got, Err(NotLookedUp::Failed("gone"))));
        assert_eq!(world.get(NOW + GOOD_FOR).await, 2);
    }

    #[tokio::test]
    async fn nothing_is_kept_of_what_nobody_has() {
        let world = World::new();
        let nothing = async || Ok::<_, &str>(None);

        let got = world.cache.get((world.tenant, HASH), NOW, nothing()).await;

        assert_eq!(got.unwrap(), None);
        world.cache.entries.run_pending_tasks();
        assert_eq!(world.cache.entries.entry_count(), 0);
        assert!(world.cache.flights().is_empty());
    }

    #[tokio::test]
    async fn when_the_one_that_reads_goes_away_another_does() {
        let world = World::new();
        let never = std::future::pending::<Result<Option<usize>, &str>>();
        let mut gone = Box::pin(world.cache.get((world.tenant, HASH), NOW, never));
        assert!(futures::poll!(&mut gone).is_pending());
        let mut waiting = Box::pin(world.get(NOW));
        assert!(futures::poll!(&mut waiting).is_pending());

        drop(gone);

        assert_eq!(waiting.await, 1);
        assert!(world.cache.flights().is_empty());
    }
}
