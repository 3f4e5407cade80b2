//! A tenant's place in the cache.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use platform_core::Timestamp;

use super::single::Single;
use super::tenant_keys::TenantKeys;

/// A tenant's place in the cache: the keys that were loaded last, and the turn to load them anew.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// Goes up when what is loaded is out of date.
    generation: AtomicU64,
    current: RwLock<Option<Arc<TenantKeys>>>,
    /// Loading them anew.
    pub(super) loading: Single,
    /// Reserving seals under them.
    pub(super) leasing: Single,
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
}
