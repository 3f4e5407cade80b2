//! Which tenants have mail, as far as this process knows.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use platform_core::{TenantId, Timestamp};
use tokio::sync::Notify;

/// Tenants that are remembered. The mail of others is found by the next look at all tenants.
const TENANTS_MAX: usize = 65_536;

/// When each tenant's next mail is due. What is forgotten, with the process or because there are too many, still stands in the database.
#[derive(Debug, Default)]
pub(crate) struct MailQueue {
    due: Mutex<HashMap<TenantId, Timestamp>>,
    woken: Notify,
}

impl MailQueue {
    /// The tenant has a mail that is due then.
    pub(crate) fn note(&self, tenant: TenantId, at: Timestamp) {
        let mut due = self.lock();
        if due.len() < TENANTS_MAX || due.contains_key(&tenant) {
            let known = due.entry(tenant).or_insert(at);
            *known = at.min(*known);
        }
        drop(due);
        self.woken.notify_one();
    }

    /// Takes a tenant out whose mail is due.
    pub(super) fn take_due(&self, now: Timestamp) -> Option<TenantId> {
        let mut due = self.lock();
        let tenant = due
            .iter()
            .find(|(_, at)| **at <= now)
            .map(|(tenant, _)| *tenant)?;
        due.remove(&tenant);
        Some(tenant)
    }

    /// Waits until a mail is noted.
    pub(super) async fn woken(&self) {
        self.woken.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Timestamp>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
