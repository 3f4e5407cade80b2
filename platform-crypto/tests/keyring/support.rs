//! What the tests of this binary share.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use platform_core::pg::{Db, DbConfig, TenantTx};
use platform_core::sqlx::{self, AssertSqlSafe, Connection, Executor, PgConnection};
use platform_core::testing::TestDb;
use platform_core::time::OffsetDateTime;
use platform_core::{ManualClock, OsRandom, RequestContext, Sources, TenantId};
use platform_crypto::{
    Column, DataKey, KeyError, KeyEvent, KeyLog, KeyLogError, KeyProvider, Keyring, KeyringBuilder, Keys,
    LocalRoot, MIGRATIONS, OpenError, ProviderError, RootKeyRef, Sealed, WrapContext, WrappedKey,
};

pub(crate) const EMAIL: Column<String> = Column::new("crm.customer", "email");

pub(crate) const TTL: Duration = Duration::from_secs(300);
pub(crate) const GRACE: Duration = Duration::from_secs(900);

/// A database, a clock that stands still, and a provider that can be switched off.
pub(crate) struct World {
    pub(crate) test: TestDb,
    pub(crate) db: Db,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) sources: Sources,
    pub(crate) provider: Arc<Switched>,
    pub(crate) log: Arc<Remembered>,
    pub(crate) tenant: TenantId,
}

impl World {
    /// On the database that all tests share.
    pub(crate) async fn shared() -> Self {
        Self::on(Box::pin(TestDb::shared(&[&MIGRATIONS])).await).await
    }

    /// On a database of the test's own.
    pub(crate) async fn own() -> Self {
        Self::on(Box::pin(TestDb::own(&[&MIGRATIONS])).await).await
    }

    async fn on(test: TestDb) -> Self {
        let start = OffsetDateTime::from_unix_timestamp(1_772_366_400).unwrap();
        let clock = Arc::new(ManualClock::starting_at(start));
        let sources = Sources::shared(clock.clone(), Arc::new(OsRandom));
        let db = test.connect_with_sources(sources.clone()).await;
        let provider = Arc::new(Switched::new(root(&sources)));
        let tenant = test.tenant().await;
        Self {
            test,
            db,
            clock,
            sources,
            provider,
            log: Arc::default(),
            tenant,
        }
    }

    pub(crate) fn builder(&self) -> KeyringBuilder {
        Keyring::builder(&self.db, self.provider.clone())
            .ttl(TTL)
            .grace(GRACE)
            .log(self.log.clone())
    }

    /// A keyring with nothing in its cache: another process.
    pub(crate) async fn keyring(&self) -> Keyring {
        self.builder().open().await.unwrap()
    }

    /// A process whose clock is the same and whose connections are its own.
    pub(crate) async fn other_process(&self) -> Keyring {
        let db = self.test.connect_with_sources(self.sources.clone()).await;
        Keyring::builder(&db, self.provider.clone())
            .ttl(TTL)
            .grace(GRACE)
            .log(self.log.clone())
            .open()
            .await
            .unwrap()
    }

    /// A process that does not wait long for a connection.
    pub(crate) async fn impatient_process(
        &self,
        set: impl FnOnce(KeyringBuilder) -> KeyringBuilder,
    ) -> Keyring {
        let mut config = DbConfig::new(self.test.app_url()).with_max_connections(8);
        config.acquire_timeout = Duration::from_millis(100);
        let db = Db::connect(&config, self.sources.clone()).await.unwrap();
        let builder = Keyring::builder(&db, self.provider.clone()).ttl(TTL).grace(GRACE);
        set(builder).open().await.unwrap()
    }

    /// A process with a clock of its own.
    pub(crate) async fn process_at(&self, clock: Arc<ManualClock>) -> Keyring {
        let sources = Sources::shared(clock, Arc::new(OsRandom));
        let db = self.test.connect_with_sources(sources).await;
        let builder = Keyring::builder(&db, self.provider.clone()).ttl(TTL).grace(GRACE);
        builder.open().await.unwrap()
    }

    /// A keyring with these root keys.
    pub(crate) async fn keyring_with(&self, root_keys: &str) -> Keyring {
        self.try_keyring_with(root_keys).await.unwrap()
    }

    pub(crate) async fn try_keyring_with(&self, root_keys: &str) -> Result<Keyring, KeyError> {
        let root = LocalRoot::from_text(root_keys, &self.sources).unwrap();
        self.builder_with(Arc::new(root)).open().await
    }

    pub(crate) fn builder_with(&self, provider: Arc<dyn KeyProvider>) -> KeyringBuilder {
        Keyring::builder(&self.db, provider)
            .ttl(TTL)
            .grace(GRACE)
            .log(self.log.clone())
    }

    pub(crate) fn ctx(&self) -> RequestContext {
        self.ctx_of(self.tenant)
    }

    pub(crate) fn ctx_of(&self, tenant: TenantId) -> RequestContext {
        RequestContext::system(tenant, "test", &self.sources)
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// Ends every connection to the database and allows no new one.
    pub(crate) async fn cut_connections(&self) {
        let name = self.test.database().name();
        let cut = format!(
            "alter database {name} connection limit 0;
             select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}' and pid <> pg_backend_pid()"
        );
        self.as_superuser(&cut).await;
    }

    pub(crate) async fn allow_connections(&self) {
        let name = self.test.database().name();
        self.as_superuser(&format!("alter database {name} connection limit -1"))
            .await;
    }

    /// Runs a statement as the superuser, past every policy.
    pub(crate) async fn as_superuser(&self, statements: &str) {
        let url = self.test.superuser_url();
        let mut conn = PgConnection::connect(&url).await.unwrap();
        conn.execute(AssertSqlSafe(statements.to_owned())).await.unwrap();
        conn.close().await.unwrap();
    }

    /// A number that the superuser reads.
    pub(crate) async fn number(&self, query: &str) -> i64 {
        let url = self.test.superuser_url();
        let mut conn = PgConnection::connect(&url).await.unwrap();
        let number = sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
            .fetch_one(&mut conn)
            .await
            .unwrap();
        conn.close().await.unwrap();
        number
    }
}

/// The root key of every test that shares a database.
pub(crate) fn root(sources: &Sources) -> LocalRoot {
    LocalRoot::insecure_for_tests(sources)
}

/// A value sealed at a row of its own.
pub(crate) struct Customer {
    pub(crate) tenant: TenantId,
    pub(crate) id: platform_core::uuid::Uuid,
    pub(crate) email: Sealed<String>,
}

pub(crate) const ADA: &str = "ada@example.com";

pub(crate) fn seal(keys: &Keys, sources: &Sources) -> Customer {
    let id = sources.uuid_v7();
    let email = keys.seal(&EMAIL.at(keys.tenant(), id), &ADA.to_owned()).unwrap();
    Customer {
        tenant: keys.tenant(),
        id,
        email,
    }
}

impl Customer {
    pub(crate) fn open(&self, keys: &Keys) -> Result<String, OpenError> {
        let at = EMAIL.at(self.tenant, self.id);
        keys.open(&at, &self.email).map(|email| email.expose().clone())
    }
}

/// A provider that counts what it is asked and can be made to fail.
#[derive(Debug)]
pub(crate) struct Switched {
    inner: Mutex<Arc<dyn KeyProvider>>,
    gate: tokio::sync::RwLock<()>,
    down: AtomicBool,
    denied: AtomicBool,
    wraps: AtomicUsize,
    unwraps: AtomicUsize,
}

impl Switched {
    pub(crate) fn new(inner: impl KeyProvider) -> Self {
        Self {
            inner: Mutex::new(Arc::new(inner)),
            gate: tokio::sync::RwLock::default(),
            down: AtomicBool::new(false),
            denied: AtomicBool::new(false),
            wraps: AtomicUsize::new(0),
            unwraps: AtomicUsize::new(0),
        }
    }

    /// Lets everybody wait for an answer until the guard goes.
    pub(crate) async fn hold(&self) -> tokio::sync::RwLockWriteGuard<'_, ()> {
        self.gate.write().await
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    pub(crate) fn set_denied(&self, denied: bool) {
        self.denied.store(denied, Ordering::SeqCst);
    }

    pub(crate) fn wraps(&self) -> usize {
        self.wraps.load(Ordering::SeqCst)
    }

    pub(crate) fn unwraps(&self) -> usize {
        self.unwraps.load(Ordering::SeqCst)
    }

    fn inner(&self) -> Arc<dyn KeyProvider> {
        self.inner.lock().unwrap().clone()
    }

    async fn answer(&self) -> Result<(), ProviderError> {
        // A provider is far away: whoever asks it gives others the time to ask as well.
        tokio::task::yield_now().await;
        drop(self.gate.read().await);
        if self.down.load(Ordering::SeqCst) {
            return Err(ProviderError::unavailable("switched off"));
        }
        if self.denied.load(Ordering::SeqCst) {
            return Err(ProviderError::denied("revoked"));
        }
        Ok(())
    }
}

#[async_trait]
impl KeyProvider for Switched {
    fn current(&self) -> RootKeyRef {
        self.inner().current()
    }

    fn holds(&self, root: &RootKeyRef) -> bool {
        self.inner().holds(root)
    }

    async fn wrap(&self, context: &WrapContext, key: &DataKey) -> Result<WrappedKey, ProviderError> {
        self.wraps.fetch_add(1, Ordering::SeqCst);
        self.answer().await?;
        self.inner().wrap(context, key).await
    }

    async fn unwrap(&self, context: &WrapContext, wrapped: &WrappedKey) -> Result<DataKey, ProviderError> {
        self.unwraps.fetch_add(1, Ordering::SeqCst);
        self.answer().await?;
        self.inner().unwrap(context, wrapped).await
    }

    async fn rewrap(
        &self,
        context: &WrapContext,
        wrapped: &WrappedKey,
    ) -> Result<Option<WrappedKey>, ProviderError> {
        self.answer().await?;
        self.inner().rewrap(context, wrapped).await
    }

    async fn health(&self) -> Result<(), ProviderError> {
        self.answer().await
    }
}

/// A log that remembers what it was told, and can be made to refuse.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    events: Mutex<Vec<(TenantId, KeyEvent)>>,
    refusing: AtomicBool,
}

impl Remembered {
    pub(crate) fn set_refusing(&self, refusing: bool) {
        self.refusing.store(refusing, Ordering::SeqCst);
    }

    /// The kinds and outcomes recorded for a tenant.
    pub(crate) fn of(&self, tenant: TenantId) -> Vec<(&'static str, &'static str)> {
        let events = self.events.lock().unwrap();
        let of_tenant = events.iter().filter(|(whose, _)| *whose == tenant);
        of_tenant
            .map(|(_, event)| (event.kind.as_str(), event.outcome.as_str()))
            .collect()
    }
}

#[async_trait]
impl KeyLog for Remembered {
    async fn record(
        &self,
        tx: &mut TenantTx,
        _: &RequestContext,
        event: &KeyEvent,
    ) -> Result<(), KeyLogError> {
        if self.refusing.load(Ordering::SeqCst) {
            return Err(KeyLogError::Refused("the log is full".into()));
        }
        self.events.lock().unwrap().push((tx.tenant(), event.clone()));
        Ok(())
    }
}

pub(crate) fn is_provider(error: &KeyError) -> bool {
    matches!(error, KeyError::Provider(_))
}

/// A provider whose root key has a name that does not come from the key, as that of a service far away.
#[derive(Debug)]
pub(crate) struct Renamed {
    inner: LocalRoot,
    name: RootKeyRef,
}

impl Renamed {
    pub(crate) fn new(inner: LocalRoot, name: &str) -> Arc<Self> {
        let name = name.parse().unwrap();
        Arc::new(Self { inner, name })
    }

    fn inward(&self, wrapped: &WrappedKey) -> WrappedKey {
        WrappedKey {
            root: self.inner.current(),
            bytes: wrapped.bytes.clone(),
        }
    }
}

#[async_trait]
impl KeyProvider for Renamed {
    fn current(&self) -> RootKeyRef {
        self.name.clone()
    }

    fn holds(&self, root: &RootKeyRef) -> bool {
        *root == self.name
    }

    async fn wrap(&self, context: &WrapContext, key: &DataKey) -> Result<WrappedKey, ProviderError> {
        let bytes = self.inner.wrap(context, key).await?.bytes;
        let root = self.name.clone();
        Ok(WrappedKey { root, bytes })
    }

    async fn unwrap(&self, context: &WrapContext, wrapped: &WrappedKey) -> Result<DataKey, ProviderError> {
        self.inner.unwrap(context, &self.inward(wrapped)).await
    }

    async fn rewrap(&self, _: &WrapContext, _: &WrappedKey) -> Result<Option<WrappedKey>, ProviderError> {
        Ok(None)
    }

    async fn health(&self) -> Result<(), ProviderError> {
        Ok(())
    }
}
