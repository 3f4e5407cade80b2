//! The handle to the keys of all tenants.

use std::fmt;
use std::sync::Arc;

use moka::future::Cache;
use platform_core::pg::{Db, TenantRead, TenantTx};
use platform_core::{RequestContext, Sources, TenantId, error_chain};

use super::builder::{Config, KeyringBuilder};
use super::slot::Slot;
use super::tenant_keys::TenantKeys;
use super::{KeyError, KeyInfo, KeyLog, store};
use crate::subject::Subjects;
use crate::{KeyId, KeyProvider, Keys, Purpose, RootKeyRef, SealedTable};

/// The keys of all tenants: makes them, hands them out, rotates and destroys them. Cheap to clone.
///
/// A tenant's keys lie in the database, wrapped under a root key that only the provider has. They are unwrapped once and kept for a
/// time-to-live, however often they are used; every process hears within moments when another one changes them. On a warm cache
/// [`keys`](Self::keys) asks neither the database nor the provider.
///
/// When the database is gone, keys are used until their time-to-live has passed, then not any more. When the provider is gone, the
/// keys that it has given are used on for the grace; what it refuses is not used at all.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use platform_core::RequestContext;
/// use platform_core::pg::Db;
/// use platform_crypto::{Column, KeyProvider, Keyring};
///
/// const EMAIL: Column<String> = Column::new("crm.customer", "email");
///
/// # async fn example(db: Db, provider: Arc<dyn KeyProvider>, ctx: RequestContext, id: platform_core::uuid::Uuid)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// let keyring = Keyring::builder(&db, provider).open().await?;
///
/// let keys = keyring.keys(&ctx).await?;
/// let sealed = keys.seal(&EMAIL.at(ctx.tenant(), id), &"ada@example.com".to_owned())?;
/// # Ok(()) }
/// ```
///
/// # One connection at a time
///
/// Ask for keys before a transaction is begun, not inside one: on a cold cache [`keys`](Self::keys) takes a connection of its own, and
/// transactions that hold all of them and wait for one more wait for nothing.
#[derive(Clone)]
pub struct Keyring {
    pub(crate) inner: Arc<Inner>,
}

/// What all clones of a keyring share.
pub(crate) struct Inner {
    pub(crate) db: Db,
    pub(crate) sources: Sources,
    pub(crate) provider: Arc<dyn KeyProvider>,
    pub(crate) log: Arc<dyn KeyLog>,
    pub(crate) config: Config,
    /// The tables with sealed columns.
    pub(crate) tables: Vec<&'static SealedTable>,
    pub(super) slots: Cache<TenantId, Arc<Slot>>,
    /// The keys of data subjects.
    pub(crate) subjects: Subjects,
}

impl Keyring {
    /// Begins to set up a keyring over a database whose migrations have run, with the root keys of a provider. Clock and generator are
    /// those of the database handle.
    pub fn builder(db: &Db, provider: Arc<dyn KeyProvider>) -> KeyringBuilder {
        KeyringBuilder::new(db, provider)
    }

    /// The tenant's keys for sealing and opening fields. A tenant that has none gets its first.
    ///
    /// Hold them for one request or one batch. Callers that come at the same time share one load.
    ///
    /// # Errors
    /// [`KeyError`]. Nothing is sealed under a key that could not be confirmed: fail, or answer 503 when it
    /// [is unavailable](KeyError::is_unavailable).
    pub async fn keys(&self, ctx: &RequestContext) -> Result<Keys, KeyError> {
        self.inner.sealing_keys(ctx).await
    }

    /// The tenant's keys and those behind these ids, which a list of sealed values names in its headers
    /// ([`Sealed::key_id`](crate::Sealed::key_id)): one query for all of them that are not at hand. They seal like those of
    /// [`keys`](Self::keys), unless the budget for sealing is spent: that does not keep anybody from reading.
    ///
    /// An id that stands for no key of the tenant is left out; opening then says [`UnknownKey`](crate::OpenError::UnknownKey).
    ///
    /// # Errors
    /// As [`keys`](Self::keys).
    pub async fn keys_for(
        &self,
        ctx: &RequestContext,
        ids: impl IntoIterator<Item = KeyId> + Send,
    ) -> Result<Keys, KeyError> {
        let ids: Vec<KeyId> = ids.into_iter().collect();
        let keys = self.inner.opening_keys(ctx, &ids).await?;
        // Whoever reads often writes next. To read, no budget is needed.
        if let Err(error) = self.inner.sealing_keys(ctx).await {
            tracing::debug!(error = %error_chain(&error), "these keys can only open");
        }
        Ok(keys)
    }

    /// Every version of the tenant's keys, those that were destroyed among them, by purpose and version.
    ///
    /// # Errors
    /// [`KeyError::Db`] when the database fails.
    pub async fn list(&self, ctx: &RequestContext) -> Result<Vec<KeyInfo>, KeyError> {
        let mut rows = self.inner.rows(ctx).await?;
        if self.inner.any_due(&rows) {
            self.inner.promote_due(ctx.tenant()).await?;
            rows = self.inner.rows(ctx).await?;
        }
        Ok(rows.into_iter().map(|row| row.info).collect())
    }

    /// Would the provider of root keys answer now? Keys that are cached do not need it.
    ///
    /// # Errors
    /// [`KeyError::Provider`] says what a load would be told.
    pub async fn health(&self) -> Result<(), KeyError> {
        Ok(self.inner.provider.health().await?)
    }

    /// The root key that wraps from now on.
    pub fn current_root(&self) -> RootKeyRef {
        self.inner.provider.current()
    }

    /// How many tenants' keys are in memory.
    pub async fn cached_tenants(&self) -> u64 {
        // The cache does its housekeeping late.
        self.inner.slots.run_pending_tasks().await;
        self.inner.slots.entry_count()
    }

    /// Forgets what is cached of a tenant, as a message from another process does.
    pub async fn invalidate(&self, tenant: TenantId) {
        self.inner.invalidate(tenant).await;
    }
}

impl Inner {
    /// The tenant's keys, loaded if need be.
    pub(crate) async fn tenant_keys(&self, ctx: &RequestContext) -> Result<Arc<TenantKeys>, KeyError> {
        let slot = self.slot(ctx.tenant()).await;
        self.loaded(&slot, ctx).await
    }

    /// The tenant's keys inside a caller's transaction, by its connection alone and without waiting for anybody else's. What is
    /// missing is made in the transaction and goes away with it.
    pub(crate) async fn tenant_keys_in(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        purpose: Purpose,
    ) -> Result<Arc<TenantKeys>, KeyError> {
        if tx.tenant() != ctx.tenant() {
            return Err(KeyError::ForeignTransaction);
        }
        let slot = self.slot(ctx.tenant()).await;
        self.loaded_in(&slot, tx, ctx, purpose).await
    }

    /// The tenant's keys on the connection of a caller's transaction that only reads.
    pub(crate) async fn tenant_keys_read_in(
        &self,
        read: &mut TenantRead,
        ctx: &RequestContext,
    ) -> Result<Arc<TenantKeys>, KeyError> {
        if read.tenant() != ctx.tenant() {
            return Err(KeyError::ForeignTransaction);
        }
        let slot = self.slot(ctx.tenant()).await;
        self.loaded_read_in(&slot, read, ctx).await
    }

    /// What is cached of the tenant is out of date.
    pub(crate) async fn invalidate(&self, tenant: TenantId) {
        if let Some(slot) = self.slots.get(&tenant).await {
            slot.invalidate();
        }
    }

    pub(super) async fn slot(&self, tenant: TenantId) -> Arc<Slot> {
        self.slots.get_with(tenant, async { Arc::default() }).await
    }

    pub(super) async fn rows(&self, ctx: &RequestContext) -> Result<Vec<store::Row>, KeyError> {
        let mut read = self.db.read(ctx).await?;
        let rows = store::rows(&mut read, ctx.tenant()).await?;
        read.finish().await?;
        Ok(rows)
    }

    /// The keys behind ids, beside the tenant's own.
    async fn opening_keys(&self, ctx: &RequestContext, ids: &[KeyId]) -> Result<Keys, KeyError> {
        let keys = self.snapshot(&*self.tenant_keys(ctx).await?, ctx.tenant());
        let missing = keys.missing(ids.iter().copied());
        if missing.is_empty() {
            return Ok(keys);
        }
        let keys = Box::pin(self.with_subjects(ctx, keys, &missing)).await?;
        if keys.missing(missing).is_empty() {
            return Ok(keys);
        }
        // Another process may have begun to seal under a key that this one has not heard of.
        if !self.reread(ctx.tenant()).await {
            return Ok(keys);
        }
        let keys = self.snapshot(&*self.tenant_keys(ctx).await?, ctx.tenant());
        let missing = keys.missing(ids.iter().copied());
        Box::pin(self.with_subjects(ctx, keys, &missing)).await
    }

    fn snapshot(&self, keys: &TenantKeys, tenant: TenantId) -> Keys {
        match keys.sealing(self.sources.now()) {
            Some(sealing) => sealing.keys.clone(),
            None => keys.opening_only(tenant),
        }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("provider", &self.inner.provider)
            .field("tenants", &self.inner.slots.entry_count())
            .finish_non_exhaustive()
    }
}
