//! Loading a tenant's keys: from the database, through the provider, into the cache.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use platform_core::pg::{TenantRead, TenantTx};
use platform_core::{RequestContext, TenantId, Timestamp, error_chain};
use tokio::time::timeout;

use super::handle::Inner;
use super::single::Waited;
use super::slot::Slot;
use super::store::Row;
use super::tenant_keys::{LoadedKey, Lost, TenantKeys, Validity};
use super::{KeyError, KeyInfo, store};
use crate::{Budget, FieldKey, KeyId, KeyState, ProviderError, Purpose, WrapContext, WrappedKey};

/// Keys of one tenant that the provider is asked for at a time.
const UNWRAPS_AT_A_TIME: usize = 8;

/// How often a tenant's keys are read again because of an id that nobody knows.
const REREAD_AFTER: Duration = Duration::from_secs(1);

/// How long a request waits for a provider, or a store of erasure keys, where what is at hand may stand in.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// The longest wait before a provider that was unavailable is asked again.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(10);

impl Inner {
    /// The tenant's keys if they are fresh, or after a load that all callers share.
    pub(super) async fn loaded(
        &self,
        slot: &Arc<Slot>,
        ctx: &RequestContext,
    ) -> Result<Arc<TenantKeys>, KeyError> {
        if let Some(keys) = slot.fresh(self.sources.now()) {
            return Ok(keys);
        }
        let turn = match slot.loading.wait(|| slot.fresh(self.sources.now())).await {
            Waited::Done(keys) => return Ok(keys),
            Waited::Failed(error) => return Err(error),
            Waited::Turn(turn) => turn,
        };
        let loaded = Box::pin(self.load(slot, ctx.tenant())).await;
        if loaded.is_ok() {
            // Its weight has changed.
            self.slots.insert(ctx.tenant(), Arc::clone(slot)).await;
        }
        turn.end(&loaded);
        loaded
    }

    /// The same on the connection of a caller's transaction, and so without waiting for a load that may wait for a connection.
    pub(super) async fn loaded_in(
        &self,
        slot: &Slot,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        purpose: Purpose,
    ) -> Result<Arc<TenantKeys>, KeyError> {
        let serves = |keys: &Arc<TenantKeys>| match purpose {
            Purpose::Data => !keys.data().is_empty(),
            Purpose::Index => !keys.index().is_empty(),
        };
        if let Some(keys) = slot.fresh(self.sources.now()).filter(serves) {
            return Ok(keys);
        }
        let (generation, now) = (slot.generation(), self.sources.now());
        let mut rows = store::rows(&mut *tx, ctx.tenant()).await?;
        if !rows.iter().any(|row| row.info.purpose == purpose) {
            let made = self.make(ctx.tenant(), purpose).await?;
            // Waits for another transaction that is making the same key, and then reads that one.
            self.insert_first(tx, ctx, &made).await?;
            rows = store::rows(&mut *tx, ctx.tenant()).await?;
        }
        let stays = !rows.iter().any(|row| row.uncommitted);
        let keys = self
            .unwrap_all(slot, ctx.tenant(), rows, (generation, now))
            .await?;
        // Without a key for data it must not be taken for all that the tenant needs.
        if stays && !keys.data().is_empty() {
            slot.store(Arc::clone(&keys));
        }
        Ok(keys)
    }

    /// The same for a caller's transaction that only reads: nothing is made, and there may be no key.
    pub(super) async fn loaded_read_in(
        &self,
        slot: &Slot,
        read: &mut TenantRead,
        ctx: &RequestContext,
    ) -> Result<Arc<TenantKeys>, KeyError> {
        if let Some(keys) = slot.fresh(self.sources.now()) {
            return Ok(keys);
        }
        let (generation, now) = (slot.generation(), self.sources.now());
        let rows = store::rows(read, ctx.tenant()).await?;
        let keys = self
            .unwrap_all(slot, ctx.tenant(), rows, (generation, now))
            .await?;
        if !keys.data().is_empty() {
            slot.store(Arc::clone(&keys));
        }
        Ok(keys)
    }

    /// Makes the next use read the database, unless that was done a moment ago.
    pub(super) async fn reread(&self, tenant: TenantId) -> bool {
        let slot = self.slot(tenant).await;
        let now = self.sources.now();
        let recent = slot
            .last()
            .is_some_and(|keys| now < keys.loaded_at() + REREAD_AFTER);
        if !recent {
            slot.invalidate();
        }
        !recent
    }

    /// In the name of the keyring: others wait for it, who have more time than the caller that came first.
    async fn load(&self, slot: &Slot, tenant: TenantId) -> Result<Arc<TenantKeys>, KeyError> {
        let ctx = RequestContext::system(tenant, "load keys", &self.sources);
        let (mut generation, mut now) = (slot.generation(), self.sources.now());
        let mut rows = self.rows(&ctx).await?;
        let first = !rows.iter().any(|row| row.info.purpose == Purpose::Data);
        if first {
            self.make_first(tenant, Purpose::Data).await?;
        }
        let due = self.any_due(&rows);
        if due && let Err(error) = self.promote_due(tenant).await {
            // What seals depends on the time, not on the stored word.
            tracing::warn!(tenant.id = %tenant, error = %error_chain(&error), "cannot mark a key as active yet");
        }
        if first || due {
            (generation, now) = (slot.generation(), self.sources.now());
            rows = self.rows(&ctx).await?;
        }
        let keys = self.unwrap_all(slot, tenant, rows, (generation, now)).await?;
        slot.store(Arc::clone(&keys));
        Ok(keys)
    }

    /// Has every key unwrapped that was not destroyed.
    async fn unwrap_all(
        &self,
        slot: &Slot,
        tenant: TenantId,
        rows: Vec<Row>,
        (generation, now): (u64, Timestamp),
    ) -> Result<Arc<TenantKeys>, KeyError> {
        let before = slot.last();
        let before = before.as_deref();
        let destroyed: Vec<KeyId> = rows
            .iter()
            .filter(|row| row.wrapped.is_none())
            .map(|row| row.info.id)
            .collect();
        let wrapped = rows.into_iter().filter_map(|row| Some((row.info, row.wrapped?)));
        let loading = stream::iter(wrapped)
            .map(|(info, wrapped)| self.unwrap_one(tenant, info, wrapped, before, now))
            .buffered(UNWRAPS_AT_A_TIME)
            .try_collect();
        let loading: Result<Vec<Unwrapped>, KeyError> = loading.await;
        let unwrapped = loading.inspect_err(|error| {
            if taken_back(error) {
                // Nor does an outage bring it back from memory.
                slot.forget();
            }
        })?;
        let validity = Validity {
            loaded_at: now,
            fresh_until: self.fresh_until(&unwrapped, now),
            generation,
        };
        let mut loaded = Vec::with_capacity(unwrapped.len());
        let mut refused = Vec::new();
        for unwrapped in unwrapped {
            match unwrapped {
                Unwrapped::Fresh(key) | Unwrapped::Kept(key) => loaded.push(key),
                Unwrapped::Refused(id) => refused.push(id),
                Unwrapped::NotNeeded(_) => {}
            }
        }
        let lost = Lost { destroyed, refused };
        Ok(Arc::new(TenantKeys::new(tenant, validity, loaded, lost)))
    }

    async fn unwrap_one(
        &self,
        tenant: TenantId,
        info: KeyInfo,
        wrapped: WrappedKey,
        before: Option<&TenantKeys>,
        now: Timestamp,
    ) -> Result<Unwrapped, KeyError> {
        let context = WrapContext {
            tenant,
            purpose: info.purpose,
            key: info.id,
        };
        let known = before.and_then(|before| before.find(info.id));
        let stands_in = known.is_some_and(|known| now < known.unwrapped_at + self.config.grace);
        let unwrapping = self.provider.unwrap(&context, &wrapped);
        let unwrapped = match stands_in {
            true => timeout(PATIENCE, unwrapping)
                .await
                .unwrap_or_else(|_| Err(ProviderError::unavailable("no answer in time"))),
            false => unwrapping.await,
        };
        let error = match unwrapped {
            Ok(key) => {
                return Ok(Unwrapped::Fresh(LoadedKey {
                    // The same key, by its id; the ciphers that were derived from it are there already.
                    key: known.map_or_else(|| FieldKey::new(key), |known| known.key.clone()),
                    budget: known.map_or_else(|| Budget::leased(0), |known| known.budget.clone()),
                    unwrapped_at: now,
                    info,
                }));
            }
            Err(error) => error,
        };
        tracing::error!(
            tenant.id = %tenant,
            key.id = %info.id,
            error = %error_chain(&error),
            "the key {} cannot be unwrapped",
            info.id
        );
        match error {
            // An unknown root key is not a refusal: another process may have wrapped the key under one that this process gets with
            // its next configuration.
            ProviderError::Unavailable(_) | ProviderError::UnknownRoot(_) => {}
            // What nobody seals under any more is lost alone. Without a key for indexes, rows would seem not to be there.
            ProviderError::Refused
                if info.state == KeyState::DecryptOnly && info.purpose == Purpose::Data =>
            {
                return Ok(Unwrapped::Refused(info.id));
            }
            _ => return Err(error.into()),
        }
        match known {
            Some(known) if stands_in => Ok(Unwrapped::Kept(LoadedKey {
                key: known.key.clone(),
                budget: known.budget.clone(),
                unwrapped_at: known.unwrapped_at,
                info,
            })),
            None if info.state == KeyState::PreActive && now < info.activates_at => {
                Ok(Unwrapped::NotNeeded(info.activates_at))
            }
            _ => Err(error.into()),
        }
    }

    /// A time-to-live from now; sooner when the provider has to be asked again.
    fn fresh_until(&self, unwrapped: &[Unwrapped], now: Timestamp) -> Timestamp {
        let limit = |unwrapped: &Unwrapped| match unwrapped {
            Unwrapped::Fresh(_) | Unwrapped::Refused(_) => None,
            Unwrapped::Kept(key) => Some(key.unwrapped_at + self.config.grace),
            Unwrapped::NotNeeded(until) => Some(*until),
        };
        let whole = now + self.config.ttl;
        let Some(limit) = unwrapped.iter().filter_map(limit).min() else {
            return whole;
        };
        // Counted from the end of the attempt: a provider that hangs instead of refusing takes longer than that to fail, and the keys
        // would be out of date before anybody had used them.
        let retry = self.sources.now() + (self.config.ttl / 10).min(RETRY_AFTER_MAX);
        whole.min(retry).min(limit)
    }
}

/// Has the provider said that a key is not to be used?
fn taken_back(error: &KeyError) -> bool {
    match error {
        KeyError::Provider(error) => !matches!(
            **error,
            ProviderError::Unavailable(_) | ProviderError::UnknownRoot(_)
        ),
        _ => false,
    }
}

/// What became of the wish for a key.
enum Unwrapped {
    /// The provider gave it.
    Fresh(LoadedKey),
    /// The provider is unavailable, and what it gave before may still be used.
    Kept(LoadedKey),
    /// The provider refuses it, and nothing is sealed under it any more.
    Refused(KeyId),
    /// The provider is unavailable, and until then nothing is sealed under it.
    NotNeeded(Timestamp),
}
