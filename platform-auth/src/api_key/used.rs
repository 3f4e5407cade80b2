//! When keys were last used.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use platform_core::{RequestContext, TenantId, Timestamp};

use super::{ApiKeyId, stored};
use crate::auth::Inner;
use crate::{Auth, Fault};

/// How often at most the use of a key is noted.
pub(super) const NOTED_EVERY_S: i64 = 10 * 60;

/// How many keys wait to have their use noted. One more is noted the next time.
const WAITING_MAX: usize = 10_000;

/// Uses that are not written down yet. A request only puts them here.
#[derive(Default)]
pub(crate) struct UsedKeys(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    tenants: BTreeMap<TenantId, BTreeMap<ApiKeyId, Timestamp>>,
    count: usize,
}

impl UsedKeys {
    pub(super) fn note(&self, tenant: TenantId, key: ApiKeyId, at: Timestamp) {
        self.lock().add(tenant, key, at);
    }

    fn take(&self) -> Waiting {
        std::mem::take(&mut *self.lock())
    }

    fn put_back(&self, tenant: TenantId, keys: BTreeMap<ApiKeyId, Timestamp>) {
        let mut waiting = self.lock();
        for (key, at) in keys {
            waiting.add(tenant, key, at);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn add(&mut self, tenant: TenantId, key: ApiKeyId, at: Timestamp) {
        let is_waiting = |keys: &BTreeMap<_, _>| keys.contains_key(&key);
        if self.count >= WAITING_MAX || self.tenants.get(&tenant).is_some_and(is_waiting) {
            return;
        }
        self.tenants.entry(tenant).or_default().insert(key, at);
        self.count += 1;
    }
}

impl Auth {
    /// Writes down which keys were used, and how many: one statement for each tenant, and each key at most once in ten minutes. Call it now
    /// and then, and at the end of the process. The runtime module does. Without, keys look unused.
    ///
    /// # Errors
    /// [`Fault`]: what could not be written waits for the next time.
    pub async fn record_api_key_use(&self) -> Result<u64, Fault> {
        let inner = &*self.inner;
        let mut left = inner.used_keys.take().tenants.into_iter();
        let mut noted = 0;
        while let Some((tenant, keys)) = left.next() {
            match inner.note_use(tenant, &keys).await {
                Ok(count) => noted += count,
                Err(fault) => {
                    for (tenant, keys) in std::iter::once((tenant, keys)).chain(left) {
                        inner.used_keys.put_back(tenant, keys);
                    }
                    return Err(fault);
                }
            }
        }
        Ok(noted)
    }
}

impl Inner {
    async fn note_use(&self, tenant: TenantId, keys: &BTreeMap<ApiKeyId, Timestamp>) -> Result<u64, Fault> {
        let ctx = RequestContext::system(tenant, "note the use of API keys", &self.sources);
        let mut tx = self.db.begin(&ctx).await?;
        let noted = stored::note_use(&mut tx, keys).await?;
        tx.commit().await?;
        Ok(noted)
    }
}
