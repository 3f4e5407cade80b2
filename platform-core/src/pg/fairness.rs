//! Who may hold how much of the pool: a share for each tenant, and what is set aside for work that must not wait for requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::TenantId;

use super::DbError;

/// Tenants that are kept when nobody of theirs waits; more are forgotten.
const IDLE_TENANTS_MAX: usize = 1024;

/// What a transaction holds of the pool besides its connection, for as long as it lives.
#[derive(Default)]
pub(super) struct Places {
    _tenant: Option<OwnedSemaphorePermit>,
    _ordinary: Option<OwnedSemaphorePermit>,
}

pub(super) struct Shares {
    per_tenant: usize,
    /// The connections that are not set aside. `None` where none are.
    ordinary: Option<Arc<Semaphore>>,
    tenants: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
}

impl Shares {
    pub(super) fn new(per_tenant: u32, ordinary: Option<u32>) -> Self {
        let count = |count: u32| usize::try_from(count).unwrap_or(1).max(1);
        Self {
            per_tenant: count(per_tenant),
            ordinary: ordinary.map(|ordinary| Arc::new(Semaphore::new(count(ordinary)))),
            tenants: Mutex::default(),
        }
    }

    /// Waits for a place in the tenant's share, where there is a tenant, and among the connections that are not set aside.
    pub(super) async fn acquire(&self, tenant: Option<TenantId>, limit: Duration) -> Result<Places, DbError> {
        let acquiring = async {
            let tenant = match tenant.map(|tenant| self.share(tenant)) {
                Some(share) => share.acquire_owned().await.ok(),
                None => None,
            };
            let ordinary = match &self.ordinary {
                Some(ordinary) => Arc::clone(ordinary).acquire_owned().await.ok(),
                None => None,
            };
            Places {
                _tenant: tenant,
                _ordinary: ordinary,
            }
        };
        match tokio::time::timeout(limit, acquiring).await {
            Ok(places) => Ok(places),
            Err(_) => Err(DbError::Timeout(sqlx::Error::PoolTimedOut)),
        }
    }

    fn share(&self, tenant: TenantId) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if tenants.len() >= IDLE_TENANTS_MAX && !tenants.contains_key(&tenant) {
            // A share that only this map knows has nobody inside and nobody waiting.
            tenants.retain(|_, share| Arc::strong_count(share) > 1);
        }
        Arc::clone(
            tenants
                .entry(tenant)
                .or_insert_with(|| Arc::new(Semaphore::new(self.per_tenant))),
        )
    }
}
