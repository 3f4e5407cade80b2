//! Leases of this process alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::time::Instant;

use super::{
    FenceToken, Fencing, Holder, Lease, LeaseBackend, LeaseCaps, LeaseError, LeaseName, Renewed, Ttl,
};
use crate::{Sources, Timestamp};

/// Leases that tasks of one process hold against each other, by the clock of its [`Sources`]. For tests and for services that are
/// one process. Clones share their leases.
#[derive(Debug, Clone)]
pub struct MemoryLeases {
    held: Arc<Mutex<HashMap<LeaseName, Held>>>,
    sources: Sources,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    token: i64,
    expires_at: Timestamp,
}

impl MemoryLeases {
    /// No leases yet.
    pub fn new(sources: &Sources) -> Self {
        Self {
            held: Arc::default(),
            sources: sources.clone(),
        }
    }

    /// Is this lease held now? What a fence asks.
    pub fn is_held(&self, lease: &Lease) -> bool {
        let held = self.lock();
        held.get(&lease.name)
            .is_some_and(|held| held.is(lease, self.sources.now()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LeaseName, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn is(self, lease: &Lease, now: Timestamp) -> bool {
        self.token == lease.token.as_i64() && self.expires_at > now
    }
}

#[async_trait]
impl LeaseBackend for MemoryLeases {
    fn caps(&self) -> LeaseCaps {
        LeaseCaps {
            fencing: Fencing::Volatile,
            shared: false,
        }
    }

    async fn try_acquire(
        &self,
        name: &LeaseName,
        ttl: Ttl,
        _holder: &Holder,
    ) -> Result<Option<Lease>, LeaseError> {
        let (now, asked) = (self.sources.now(), Instant::now());
        let mut leases = self.lock();
        let last = leases.get(name).copied();
        if last.is_some_and(|last| last.expires_at > now) {
            return Ok(None);
        }
        let token = last.map_or(0, |last| last.token) + 1;
        let expires_at = now + ttl.as_duration();
        leases.insert(name.clone(), Held { token, expires_at });
        Ok(Some(Lease {
            name: name.clone(),
            token: FenceToken::new(token),
            expires_at,
            valid_until: asked + ttl.as_duration(),
        }))
    }

    async fn renew(&self, lease: &Lease, ttl: Ttl) -> Result<Renewed, LeaseError> {
        let (now, asked) = (self.sources.now(), Instant::now());
        let mut leases = self.lock();
        let Some(held) = leases.get_mut(&lease.name).filter(|held| held.is(lease, now)) else {
            return Ok(Renewed::Lost);
        };
        held.expires_at = now + ttl.as_duration();
        Ok(Renewed::Held(Lease {
            expires_at: held.expires_at,
            valid_until: asked + ttl.as_duration(),
            ..lease.clone()
        }))
    }

    async fn release(&self, lease: &Lease) -> Result<(), LeaseError> {
        let now = self.sources.now();
        if let Some(held) = self.lock().get_mut(&lease.name)
            && held.is(lease, now)
        {
            held.expires_at = now;
        }
        Ok(())
    }
}
