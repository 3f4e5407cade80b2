//! What the tests of this binary share.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use platform_core::pg::{Db, TenantTx};
use platform_core::sqlx::{self, AssertSqlSafe, Connection, PgConnection};
use platform_core::testing::TestDb;
use platform_core::time::OffsetDateTime;
use platform_core::uuid::Uuid;
use platform_core::{ManualClock, OsRandom, RequestContext, Sources, TenantId};
use platform_crypto::{
    Column, ErasureStore, ErasureStoreError, FileErasureStore, KeyError, KeyEvent, KeyEventKind, KeyLog,
    KeyLogError, Keyring, LocalRoot, MIGRATIONS, OpenError, Revision, Sealed, SegmentId, StoredSegment,
    SubjectId,
};
use tempfile::TempDir;

pub(crate) const EMAIL: Column<String> = Column::new("crm.customer", "email");
pub(crate) const ADA: &str = "ada@example.com";
pub(crate) const TTL: Duration = Duration::from_secs(300);

/// A database, a clock that stands still, and a store of erasure keys that can be switched off.
pub(crate) struct World {
    pub(crate) test: TestDb,
    pub(crate) db: Db,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) sources: Sources,
    pub(crate) store: Arc<Switched>,
    pub(crate) log: Arc<Remembered>,
    pub(crate) tenant: TenantId,
    pub(crate) keyring: Keyring,
    pub(crate) folder: TempDir,
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
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Switched::new(FileErasureStore::open(folder.path()).unwrap()));
        let log: Arc<Remembered> = Arc::default();
        let tenant = test.tenant().await;
        let keyring = keyring_on(&db, store.clone(), log.clone()).await;
        Self {
            test,
            db,
            clock,
            sources,
            store,
            log,
            tenant,
            keyring,
            folder,
        }
    }

    /// Another process: connections, caches and a handle on the folder of its own; it hears no messages.
    pub(crate) async fn other_process(&self) -> Keyring {
        let db = self.test.connect_with_sources(self.sources.clone()).await;
        let store = FileErasureStore::open(self.folder.path()).unwrap();
        keyring_on(&db, Arc::new(store), self.log.clone()).await
    }

    pub(crate) fn ctx(&self) -> RequestContext {
        RequestContext::system(self.tenant, "test", &self.sources)
    }

    pub(crate) fn subject(&self) -> SubjectId {
        SubjectId::generate(&self.sources)
    }

    pub(crate) fn row(&self) -> Uuid {
        self.sources.uuid_v7()
    }

    pub(crate) async fn begin(&self) -> TenantTx {
        self.db.begin(&self.ctx()).await.unwrap()
    }

    /// A value sealed under the key of a subject, which is made.
    pub(crate) async fn customer(&self) -> Customer {
        self.customer_of(self.subject()).await.unwrap()
    }

    pub(crate) async fn customer_of(&self, subject: SubjectId) -> Result<Customer, KeyError> {
        let mut tx = self.begin().await;
        let key = self.keyring.ensure_subject(&mut tx, &self.ctx(), subject).await?;
        let row = self.row();
        let email = key.seal(&EMAIL.at(self.tenant, row), &ADA.to_owned()).unwrap();
        tx.commit().await.unwrap();
        Ok(Customer {
            tenant: self.tenant,
            subject,
            row,
            email,
        })
    }

    /// A number that the superuser reads.
    pub(crate) async fn number(&self, query: &str) -> i64 {
        let mut conn = PgConnection::connect(&self.test.superuser_url()).await.unwrap();
        let number = sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
            .fetch_one(&mut conn)
            .await
            .unwrap();
        conn.close().await.unwrap();
        number
    }

    /// The state of a subject's key as it is stored.
    pub(crate) async fn state(&self, subject: SubjectId) -> &'static str {
        let info = self.keyring.subject(&self.ctx(), subject).await.unwrap();
        info.unwrap().state.as_str()
    }
}

pub(crate) async fn keyring_on(db: &Db, store: Arc<dyn ErasureStore>, log: Arc<dyn KeyLog>) -> Keyring {
    let root = LocalRoot::insecure_for_tests(db.sources());
    Keyring::builder(db, Arc::new(root))
        .ttl(TTL)
        .log(log)
        .erasure(store)
        .open()
        .await
        .unwrap()
}

/// A value sealed under the key of a data subject.
#[derive(Debug, Clone)]
pub(crate) struct Customer {
    pub(crate) tenant: TenantId,
    pub(crate) subject: SubjectId,
    pub(crate) row: Uuid,
    pub(crate) email: Sealed<String>,
}

impl Customer {
    /// Reads the value as a service would: the keys behind it first.
    pub(crate) async fn read(&self, keyring: &Keyring, ctx: &RequestContext) -> Result<String, OpenError> {
        let keys = keyring
            .keys_for(ctx, [self.email.key_id().unwrap()])
            .await
            .unwrap();
        let opened = keys.open(&EMAIL.at(self.tenant, self.row), &self.email);
        opened.map(|email| email.expose().clone())
    }

    pub(crate) fn destroyed(&self) -> Result<String, OpenError> {
        Err(OpenError::KeyDestroyed(self.email.key_id().unwrap()))
    }
}

/// What the store does when it is asked to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crash {
    /// Nothing is written.
    Before,
    /// The segment is written, and nobody is told.
    After,
}

/// A store of erasure keys that counts what it is asked and can be made to fail.
#[derive(Debug)]
pub(crate) struct Switched {
    inner: FileErasureStore,
    crash: Mutex<Option<Crash>>,
    down: AtomicBool,
    pub(crate) loads: AtomicUsize,
    pub(crate) stores: AtomicUsize,
}

impl Switched {
    fn new(inner: FileErasureStore) -> Self {
        Self {
            inner,
            crash: Mutex::default(),
            down: AtomicBool::new(false),
            loads: AtomicUsize::new(0),
            stores: AtomicUsize::new(0),
        }
    }

    pub(crate) fn set_crash(&self, crash: Option<Crash>) {
        *self.crash.lock().unwrap() = crash;
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    pub(crate) fn asked(&self) -> (usize, usize) {
        (
            self.loads.load(Ordering::SeqCst),
            self.stores.load(Ordering::SeqCst),
        )
    }

    fn answer(&self) -> Result<(), ErasureStoreError> {
        match self.down.load(Ordering::SeqCst) {
            true => Err(ErasureStoreError::Unavailable("switched off".into())),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl ErasureStore for Switched {
    async fn load(&self, id: SegmentId) -> Result<Option<StoredSegment>, ErasureStoreError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.answer()?;
        self.inner.load(id).await
    }

    async fn store(
        &self,
        id: SegmentId,
        over: Revision,
        bytes: &[u8],
    ) -> Result<Revision, ErasureStoreError> {
        self.stores.fetch_add(1, Ordering::SeqCst);
        self.answer()?;
        let crash = *self.crash.lock().unwrap();
        let crashed = || ErasureStoreError::Unavailable("crashed".into());
        match crash {
            None => self.inner.store(id, over, bytes).await,
            Some(Crash::Before) => Err(crashed()),
            Some(Crash::After) => {
                self.inner.store(id, over, bytes).await?;
                Err(crashed())
            }
        }
    }
}

/// A log that remembers what it was told, and can be made to refuse one kind of event.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    events: Mutex<Vec<(TenantId, KeyEvent)>>,
    refusing: Mutex<Option<KeyEventKind>>,
}

impl Remembered {
    pub(crate) fn set_refusing(&self, kind: Option<KeyEventKind>) {
        *self.refusing.lock().unwrap() = kind;
    }

    /// What was recorded of subjects of a tenant: kind, outcome, reason.
    pub(crate) fn of_subjects(
        &self,
        tenant: TenantId,
    ) -> Vec<(&'static str, &'static str, Option<&'static str>)> {
        let events = self.events.lock().unwrap();
        let of_tenant = events
            .iter()
            .filter(|(whose, event)| *whose == tenant && event.target.kind == "subject");
        of_tenant
            .map(|(_, event)| (event.kind.as_str(), event.outcome.as_str(), event.reason))
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
        if *self.refusing.lock().unwrap() == Some(event.kind) {
            return Err(KeyLogError::Refused("the log is full".into()));
        }
        self.events.lock().unwrap().push((tx.tenant(), event.clone()));
        Ok(())
    }
}

/// Asks again until it is so. Every question goes to the database, which is what the time is given to.
pub(crate) async fn wait_until(mut so: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking)
        .await
        .unwrap();
}
