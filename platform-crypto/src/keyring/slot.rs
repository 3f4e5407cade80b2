//! A tenant's place in the cache.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use platform_core::Timestamp;
use tokio::sync::{Mutex, MutexGuard};

use super::KeyError;
use super::tenant_keys::TenantKeys;

/// A tenant's place in the cache: the keys that were loaded last, and the turn to load them anew.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// Goes up when what is loaded is out of date.
    generation: AtomicU64,
    current: RwLock<Option<Arc<TenantKeys>>>,
    loads: AtomicU64,
    loading: Mutex<Option<Failure>>,
    leasing: Mutex<()>,
}

#[derive(Debug)]
struct Failure {
    load: u64,
    error: KeyError,
}

/// The turn to load a tenant's keys.
pub(super) struct Turn<'a> {
    slot: &'a Slot,
    failure: MutexGuard<'a, Option<Failure>>,
}

/// What a caller finds that has waited for its turn.
pub(super) enum Waited<'a> {
    /// Somebody else has loaded them.
    Loaded(Arc<TenantKeys>),
    /// Somebody else has tried.
    Failed(KeyError),
    /// Nobody has.
    Turn(Turn<'a>),
}

impl Slot {
    /// What is loaded, if it may be used without asking the database.
    pub(super) fn fresh(&self, now: Timestamp) -> Option<Arc<TenantKeys>> {
        let generation = self.generation();
        self.last().filter(|keys| keys.is_fresh(now, generation))
    }

    /// What was loaded last, however long ago.
    pub(super) fn last(&self) -> Option<Arc<TenantKeys>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How much of the cache it takes: its keys and itself.
    pub(super) fn weight(&self) -> u32 {
        let keys = self.last().map_or(0, |keys| keys.len());
        u32::try_from(keys).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// Read it before the database is read, and store with it what was read.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// What is loaded, and what is being loaded, is out of date.
    pub(super) fn invalidate(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Keeps what was loaded, unless there is no key for data: it would pass for fresh and keep the first from being made.
    pub(super) fn store(&self, keys: Arc<TenantKeys>) {
        if keys.data().is_empty() {
            return;
        }
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(keys);
    }

    /// Forgets the keys, so that not even an outage brings them back.
    pub(super) fn forget(&self) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Waits for the turn to load. Who has waited while somebody else failed is told the same and does not try again at once.
    pub(super) async fn wait(&self, now: impl Fn() -> Timestamp) -> Waited<'_> {
        let before = self.loads.load(Ordering::Acquire);
        let failure = self.loading.lock().await;
        if let Some(keys) = self.fresh(now()) {
            return Waited::Loaded(keys);
        }
        match &*failure {
            Some(failed) if failed.load > before => Waited::Failed(failed.error.clone()),
            _ => Waited::Turn(Turn { slot: self, failure }),
        }
    }

    /// Waits for the turn to lease.
    pub(super) async fn leasing(&self) -> MutexGuard<'_, ()> {
        self.leasing.lock().await
    }

    /// The turn to lease, unless somebody has it.
    pub(super) fn try_leasing(&self) -> Option<MutexGuard<'_, ()>> {
        self.leasing.try_lock().ok()
    }
}

impl Turn<'_> {
    /// Tells those who wait how it went.
    pub(super) fn end(mut self, result: &Result<Arc<TenantKeys>, KeyError>) {
        let load = self.slot.loads.fetch_add(1, Ordering::AcqRel) + 1;
        *self.failure = match result {
            Ok(_) => None,
            Err(error) => Some(Failure {
                load,
                error: error.clone(),
            }),
        };
    }
}
