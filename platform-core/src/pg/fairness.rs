//! A share of the pool for each tenant, so that one cannot hold every connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::TenantId;

use super::DbError;

/// Tenants that are kept when nobody of theirs waits; more are forgotten.
const IDLE_TENANTS_MAX: usize = 1024;

pub(super) struct Shares {
    per_tenant: usize,
    tenants: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
}

impl Shares {
    pub(super) fn new(per_tenant: u32) -> Self {
        Self {
            per_tenant: usize::try_from(per_tenant).unwrap_or(1).max(1),
            tenants: Mutex::default(),
        }
    }

    /// Waits for a place in the tenant's share.
    pub(super) async fn acquire(
        &self,
        tenant: TenantId,
        limit: Duration,
    ) -> Result<Option<OwnedSemaphorePermit>, DbError> {
        let share = self.share(tenant);
        match tokio::time::timeout(limit, share.acquire_owned()).await {
            Ok(permit) => Ok(permit.ok()),
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
