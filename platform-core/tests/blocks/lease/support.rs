//! Worlds of leases, and backends that fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use platform_core::conformance::lease::LeaseWorld;
use platform_core::lease::{
    Holder, Lease, LeaseBackend, LeaseCaps, LeaseError, LeaseName, LeaseScope, Leases, MemoryLeases,
    PgLeases, Renewed, Ttl, fence_in,
};
use platform_core::pg::{Db, TenantTx};
use platform_core::sqlx;
use platform_core::testing::TestDb;
use platform_core::time::macros::datetime;
use platform_core::uuid::Uuid;
use platform_core::{Clock, OsRandom, Sources, TenantId, Timestamp};
use tokio::time::Instant;

use crate::support::superuser;

pub(crate) fn ttl(seconds: u64) -> Ttl {
    Ttl::new(Duration::from_secs(seconds)).unwrap()
}

pub(crate) fn holder(name: &str) -> Holder {
    Holder::new(name).unwrap()
}

/// Leases in the database, of one tenant or of the platform.
pub(crate) struct PgWorld {
    pub(crate) test: TestDb,
    pub(crate) tenant: TenantId,
    scope: LeaseScope,
    /// Names of the platform's leases are everybody's.
    prefix: String,
    /// Does every process have a pool of its own?
    apart: bool,
}

impl PgWorld {
    pub(crate) async fn of_tenant(test: &TestDb) -> Self {
        let tenant = test.tenant().await;
        Self::new(test, tenant, LeaseScope::Tenant(tenant))
    }

    pub(crate) async fn of_platform(test: &TestDb) -> Self {
        Self::new(test, test.tenant().await, LeaseScope::Platform)
    }

    fn new(test: &TestDb, tenant: TenantId, scope: LeaseScope) -> Self {
        Self {
            test: test.clone(),
            tenant,
            scope,
            prefix: format!("{}.", Uuid::from(tenant).simple()),
            apart: true,
        }
    }

    /// The same with one pool for all of its processes: quicker.
    pub(crate) fn together(self) -> Self {
        Self { apart: false, ..self }
    }

    pub(crate) fn db(&self) -> Db {
        self.test.db()
    }

    pub(crate) async fn begin(&self) -> TenantTx {
        self.db().begin(&self.test.context(self.tenant)).await.unwrap()
    }
}

#[async_trait]
impl LeaseWorld for PgWorld {
    async fn leases(&self) -> Leases {
        let db = match self.apart {
            true => self.test.connect_with(2).await,
            false => self.db(),
        };
        Leases::new(PgLeases::new(&db), db.sources())
    }

    fn name(&self, text: &str) -> LeaseName {
        match self.scope {
            LeaseScope::Tenant(tenant) => LeaseName::tenant(tenant, text).unwrap(),
            LeaseScope::Platform => LeaseName::platform(&format!("{}{text}", self.prefix)).unwrap(),
        }
    }

    async fn elapse(&self, by: Duration) {
        let mut conn = superuser(self.test.database()).await;
        for sql in [
            "update platform_core.lease set expires_at = expires_at - $1 * interval '1 millisecond'
             where tenant_id = $2",
            "update platform_core.platform_lease set expires_at = expires_at - $1 * interval '1 millisecond'
             where starts_with(name, replace($2::text, '-', ''))",
        ] {
            sqlx::query(sql)
                .bind(i64::try_from(by.as_millis()).unwrap())
                .bind(Uuid::from(self.tenant))
                .execute(&mut conn)
                .await
                .unwrap();
        }
    }

    async fn write(&self, lease: &Lease) -> Option<bool> {
        let mut tx = self.begin().await;
        let proven = fence_in(&mut tx, lease).await;
        Some(proven.is_ok() && tx.commit().await.is_ok())
    }

    /// A process that comes back knows nothing; the server is killed elsewhere.
    async fn restart(&self) {}
}

/// Appends to the journal of the transaction's tenant what only one may append at a time: nothing is locked, and a place that is taken
/// twice is refused.
pub(crate) async fn append(tx: &mut TenantTx, lease: &Lease, holder: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into blocks.journal (tenant_id, place, token, holder)
         select $1, coalesce(max(place), 0) + 1, $2, $3 from blocks.journal where tenant_id = $1",
    )
    .bind(tx.tenant())
    .bind(lease.token.as_i64())
    .bind(holder)
    .execute(tx)
    .await?;
    Ok(())
}

/// The tokens and holders in the journal of the world's tenant, in order.
pub(crate) async fn journal(world: &PgWorld) -> Vec<(i64, String)> {
    let ctx = world.test.context(world.tenant);
    let mut read = world.db().read(&ctx).await.unwrap();
    let rows = sqlx::query_as("select token, holder from blocks.journal where tenant_id = $1 order by place")
        .bind(world.tenant)
        .fetch_all(&mut read)
        .await
        .unwrap();
    read.finish().await.unwrap();
    rows
}

/// Tokio's clock, which a test can hold.
#[derive(Debug)]
struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        datetime!(2026-01-02 03:04:05 UTC) + self.0.elapsed()
    }
}

/// Sources whose time is Tokio's.
pub(crate) fn sources() -> Sources {
    Sources::new(TokioClock(Instant::now()), OsRandom)
}

/// Leases in memory whose backend can be away, or silent.
#[derive(Clone)]
pub(crate) struct Flaky {
    inner: MemoryLeases,
    away: Arc<AtomicBool>,
    silent: Arc<AtomicBool>,
}

impl Flaky {
    pub(crate) fn new(sources: &Sources) -> Self {
        Self {
            inner: MemoryLeases::new(sources),
            away: Arc::default(),
            silent: Arc::default(),
        }
    }

    pub(crate) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    pub(crate) fn set_silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::Relaxed);
    }

    async fn answer(&self) -> Result<(), LeaseError> {
        if self.silent.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        match self.away.load(Ordering::Relaxed) {
            true => Err(LeaseError::Unavailable("away".into())),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl LeaseBackend for Flaky {
    fn caps(&self) -> LeaseCaps {
        self.inner.caps()
    }

    async fn try_acquire(
        &self,
        name: &LeaseName,
        ttl: Ttl,
        holder: &Holder,
    ) -> Result<Option<Lease>, LeaseError> {
        self.answer().await?;
        self.inner.try_acquire(name, ttl, holder).await
    }

    async fn renew(&self, lease: &Lease, ttl: Ttl) -> Result<Renewed, LeaseError> {
        self.answer().await?;
        self.inner.renew(lease, ttl).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), LeaseError> {
        self.answer().await?;
        self.inner.release(lease).await
    }
}
