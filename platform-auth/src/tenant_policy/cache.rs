//! What tenants ask of their users, for a second.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use platform_core::{TenantId, Timestamp};

use super::StoredPolicy;
use super::inherit::{LATELY, Required};

/// How many tenants' policies are kept. What has not been used for the longest goes first.
const TENANTS_MAX: u64 = 10_000;

/// How long another instance may not know of a change.
const AGE_MAX: Duration = Duration::from_secs(1);

/// What tenants have set, as it was read within the last second; of a change that this instance made, nothing from before it.
pub(crate) struct PolicyCache {
    policies: Cache<TenantId, Kept>,
    /// The tenants above each, which never change.
    above: Cache<TenantId, Arc<[TenantId]>>,
    /// What those asked of it together when somebody last wanted to know.
    required: Cache<TenantId, (Arc<Required>, Timestamp)>,
    /// How many changes this instance has committed. A policy whose reading began before the last of them may be the one before it.
    changes: Arc<AtomicU64>,
}

#[derive(Clone)]
struct Kept {
    policy: Arc<StoredPolicy>,
    read: Reading,
}

/// When somebody began to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    at: Timestamp,
    changes: u64,
}

impl PolicyCache {
    pub(crate) fn new() -> Self {
        Self {
            policies: Cache::new(TENANTS_MAX),
            above: Cache::new(TENANTS_MAX),
            required: Cache::new(TENANTS_MAX),
            changes: Arc::default(),
        }
    }

    pub(super) fn begin(&self, now: Timestamp) -> Reading {
        Reading {
            at: now,
            changes: self.changes.load(Ordering::SeqCst),
        }
    }

    pub(super) fn get(&self, tenant: TenantId, now: Timestamp) -> Option<Arc<StoredPolicy>> {
        let kept = self.policies.get(&tenant)?;
        // A clock that was set back would otherwise keep a policy for as long.
        let is_young = kept.read.at <= now && now < kept.read.at + AGE_MAX;
        let is_newest = kept.read.changes == self.changes.load(Ordering::SeqCst);
        (is_young && is_newest).then_some(kept.policy)
    }

    pub(super) fn put(&self, tenant: TenantId, policy: Arc<StoredPolicy>, read: Reading) {
        self.policies.insert(tenant, Kept { policy, read });
    }

    pub(super) fn above(&self, tenant: TenantId) -> Option<Arc<[TenantId]>> {
        self.above.get(&tenant)
    }

    pub(super) fn put_above(&self, tenant: TenantId, above: Arc<[TenantId]>) {
        self.above.insert(tenant, above);
    }

    /// Notes what the tenants above one ask together.
    pub(super) fn note_required(&self, tenant: TenantId, required: Required, now: Timestamp) {
        self.required.insert(tenant, (Arc::new(required), now));
    }

    /// What those asked a while ago at most; nothing of a tenant that has none above.
    pub(super) fn required_lately(&self, tenant: TenantId, now: Timestamp) -> Option<Required> {
        if self.above.get(&tenant)?.is_empty() {
            return Some(Required::default());
        }
        let (required, at) = self.required.get(&tenant)?;
        (at <= now && now < at + LATELY).then(|| Required::clone(&required))
    }

    /// To be called when a change has ended.
    pub(super) fn changed(&self) -> impl FnOnce() + Send + use<> {
        let changes = Arc::clone(&self.changes);
        move || {
            changes.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl fmt::Debug for PolicyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyCache").finish_non_exhaustive()
    }
}
