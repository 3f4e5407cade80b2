//! Ten thousand futures, dropped at every stage of a transaction: no scope and no role leaks, nothing acknowledged is lost,
//! and what is told of each end is true.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use platform_core::pg::{Db, GroupRole, Migrations, TxEnd};
use platform_core::sqlx::{Connection, Executor, PgConnection, Postgres};
use platform_core::testing::{TestDatabase, TestDb};
use platform_core::{SeededRandom, TenantId, sqlx};
use uuid::Uuid;

use crate::migrations::made_with;
use crate::proxy::{SlowLine, below, polled};
use crate::support::{SHOP, connect, context, count, id, put_item, tenant};

const CONNECTIONS: u32 = 12;
const TENANTS: usize = 5;
/// Transactions that are under way at the same time; more than there are connections.
const STREAMS: u32 = 24;

/// The role of the jobs that run among the tenants' transactions.
const JOB: GroupRole = GroupRole::new("platform_test_storm");

/// A table of the jobs, which no tenant can reach.
fn jobs() -> &'static Migrations {
    let file = "create table steps.job (id uuid primary key); grant select, insert on steps.job to platform_test_storm";
    made_with(&[file], &[JOB])
}

async fn test() -> TestDb {
    Box::pin(TestDb::own(&[&SHOP, jobs()])).await
}

/// What the clients of a storm know of their rows.
#[derive(Default)]
struct Ledger {
    /// Commits that were answered with `Ok`.
    acknowledged: HashSet<Uuid>,
    /// Commits that were begun, whatever became of them, and for whom; for nobody when it was a job.
    begun: HashMap<Uuid, Option<TenantId>>,
    /// Tenants' transactions that were got, each of which has an end.
    opened: u32,
    /// Futures that were dropped before they were ready.
    dropped: u32,
}

struct Storm {
    db: Db,
    database: TestDatabase,
    tenants: Vec<TenantId>,
    ledger: Mutex<Ledger>,
    /// What was told of the ends of tenants' transactions.
    ends: Arc<Mutex<Vec<(Uuid, TxEnd)>>>,
}

/// Where a future is dropped, and when.
#[derive(Clone, Copy)]
enum Interruption {
    /// After so many polls of each stage: begin, statement, commit.
    Polls { begin: u32, statement: u32, commit: u32 },
    /// After a time, wherever it is then.
    Time(Duration),
    /// When another future is ready first, which yields so often.
    Race(u32),
}

impl Storm {
    async fn over(test: &TestDb, url: String) -> Arc<Self> {
        let db = connect(url, |config| {
            config.max_connections = CONNECTIONS;
            config.tenant_connections = Some(CONNECTIONS);
            config.acquire_timeout = Duration::from_secs(30);
            // The server must not clear away what a storm leaves before it is looked for.
            config.idle_in_transaction_timeout = Duration::from_secs(600);
        })
        .await;
        Arc::new(Self {
            db,
            database: test.database().clone(),
            tenants: (0..TENANTS).map(|_| tenant()).collect(),
            ledger: Mutex::default(),
            ends: Arc::default(),
        })
    }

    /// Interrupts transactions until so many futures have been dropped.
    async fn blow(self: &Arc<Self>, drops: u32, interruption: impl Fn(&SeededRandom) -> Interruption) {
        let drawing = SeededRandom::new(drops.into());
        while self.dropped() < drops {
            let mut streams = tokio::task::JoinSet::new();
            for stream in 0..STREAMS {
                let storm = Arc::clone(self);
                let tenant = self.tenants[usize::try_from(stream).unwrap() % TENANTS];
                let interruptions: Vec<_> = (0..10).map(|_| interruption(&drawing)).collect();
                streams.spawn(async move {
                    for interruption in interruptions {
                        storm.transact(tenant, interruption).await;
                    }
                });
            }
            while let Some(ended) = streams.join_next().await {
                ended.unwrap();
            }
        }
    }

    async fn transact(&self, tenant: TenantId, interruption: Interruption) {
        let row = id();
        let finished = match interruption {
            Interruption::Polls {
                begin,
                statement,
                commit,
            } => self.stages(tenant, row, [begin, statement, commit]).await,
            Interruption::Time(limit) => {
                let whole = self.stages(tenant, row, [u32::MAX; 3]);
                tokio::time::timeout(limit, whole).await.unwrap_or(None)
            }
            Interruption::Race(yields) => {
                let other = async {
                    for _ in 0..yields {
                        tokio::task::yield_now().await;
                    }
                };
                tokio::select! {
                    finished = self.stages(tenant, row, [u32::MAX; 3]) => finished,
                    () = other => None,
                }
            }
        };
        let mut ledger = self.ledger.lock().unwrap();
        match finished {
            Some(()) => {
                ledger.acknowledged.insert(row);
            }
            None => ledger.dropped += 1,
        }
    }

    /// A transaction of which each stage may be polled so often. `Some` when its commit was acknowledged.
    async fn stages(&self, tenant: TenantId, row: Uuid, polls: [u32; 3]) -> Option<()> {
        let kind = row.as_bytes()[15] % 4;
        if kind == 1 {
            return self.job(row, polls).await;
        }
        let ctx = context(tenant);
        // Half of them begin with a read: whoever inherited one of those could not write.
        if kind.is_multiple_of(2) {
            let mut read = polled(polls[0], self.db.read(&ctx)).await?.unwrap();
            assert_eq!(scope(&mut read).await.unwrap(), of_tenant(tenant));
        }
        let mut tx = polled(polls[0], self.db.begin(&ctx)).await?.unwrap();
        self.ledger.lock().unwrap().opened += 1;
        let ends = Arc::clone(&self.ends);
        tx.on_end(move |end| ends.lock().unwrap().push((row, end)));
        assert_eq!(scope(&mut tx).await.unwrap(), of_tenant(tenant));
        polled(polls[1], put_item(&mut tx, row, &row.to_string()))
            .await?
            .unwrap();
        self.ledger.lock().unwrap().begun.insert(row, Some(tenant));
        polled(polls[2], tx.commit()).await?.unwrap();
        Some(())
    }

    /// The same for a job, which shares its connections with the tenants.
    async fn job(&self, row: Uuid, polls: [u32; 3]) -> Option<()> {
        let mut job = polled(polls[0], self.db.begin_as(&JOB)).await?.unwrap();
        assert_eq!(scope(&mut job).await.unwrap(), of_job());
        let noting = sqlx::query("insert into steps.job (id) values ($1)").bind(row);
        polled(polls[1], noting.execute(&mut job)).await?.unwrap();
        self.ledger.lock().unwrap().begun.insert(row, None);
        polled(polls[2], job.commit()).await?.unwrap();
        Some(())
    }

    fn dropped(&self) -> u32 {
        self.ledger.lock().unwrap().dropped
    }

    /// No connection is left in a transaction, all can be had at once, each with its own scope, and the rows are those that
    /// the clients were told of, or could not be told of any more.
    async fn settle(&self) {
        // Transactions whose callers have gone are still being begun and rolled back.
        let patience = Instant::now() + Duration::from_secs(10);
        while self.in_transaction().await > 0 {
            assert!(Instant::now() < patience, "connections are left in a transaction");
        }
        let mut held = Vec::new();
        for connection in 0..CONNECTIONS {
            let tenant = self.tenants[usize::try_from(connection).unwrap() % TENANTS];
            let mut tx = self.db.begin(&context(tenant)).await.unwrap();
            assert_eq!(scope(&mut tx).await.unwrap(), of_tenant(tenant));
            held.push(tx);
        }
        assert_eq!(self.in_transaction().await, i64::from(CONNECTIONS));
        for tx in held {
            tx.rollback().await.unwrap();
        }
        assert_eq!(self.in_transaction().await, 0);
        assert_eq!(self.db.pool_use().open, CONNECTIONS);
        self.db.close().await;
        self.reckon().await;
    }

    async fn in_transaction(&self) -> i64 {
        count(
            &self.database,
            "select count(*) from pg_stat_activity
             where datname = current_database() and state like 'idle in transaction%'",
        )
        .await
    }

    async fn reckon(&self) {
        let mut conn = PgConnection::connect(&self.database.superuser_url())
            .await
            .unwrap();
        let stored: Vec<(Uuid, Option<TenantId>)> =
            sqlx::query_as("select id, tenant_id from shop.item union all select id, null from steps.job")
                .fetch_all(&mut conn)
                .await
                .unwrap();
        let rows: HashSet<Uuid> = stored.iter().map(|(id, _)| *id).collect();
        let ledger = self.ledger.lock().unwrap();
        let lost = ledger
            .acknowledged
            .iter()
            .filter(|row| !rows.contains(*row))
            .count();
        let astray = stored
            .iter()
            .filter(|(id, whose)| ledger.begun.get(id) != Some(whose))
            .count();
        assert_eq!(lost, 0, "acknowledged and not there");
        assert_eq!(
            astray, 0,
            "there although their commit was never begun, or with another tenant"
        );
        let ends = self.ends.lock().unwrap();
        let opened = usize::try_from(ledger.opened).unwrap();
        let once: HashSet<Uuid> = ends.iter().map(|(row, _)| *row).collect();
        assert_eq!(
            (ends.len(), once.len()),
            (opened, opened),
            "each end is told once"
        );
        for (row, end) in ends.iter() {
            let truth = match rows.contains(row) {
                true => TxEnd::Committed,
                false => TxEnd::RolledBack,
            };
            assert_eq!(*end, truth, "{row}");
        }
        let jobs = stored.iter().filter(|(_, whose)| whose.is_none()).count();
        assert!(
            0 < jobs && jobs < stored.len(),
            "the storm let nothing of one kind through"
        );
    }
}

/// The role and the tenant that a transaction has.
async fn scope<'c>(tx: impl Executor<'c, Database = Postgres>) -> Result<String, sqlx::Error> {
    let scope = sqlx::query_scalar(
        "select current_user || ' ' || coalesce(current_setting('platform.tenant_id', true), '')",
    );
    scope.fetch_one(tx).await
}

fn of_tenant(tenant: TenantId) -> String {
    format!("platform_app {tenant}")
}

fn of_job() -> String {
    format!("{} ", JOB.name())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn futures_dropped_after_any_number_of_polls_leave_nothing_behind() {
    let test = test().await;
    let storm = Storm::over(&test, test.app_url()).await;

    // Most at the beginning, a part of them in the statement, the rest in the commit.
    storm
        .blow(6_000, |random| match below(random, 3) {
            0 => Interruption::Polls {
                begin: below(random, 3),
                statement: u32::MAX,
                commit: u32::MAX,
            },
            1 => Interruption::Polls {
                begin: u32::MAX,
                statement: below(random, 6),
                commit: u32::MAX,
            },
            _ => Interruption::Polls {
                begin: u32::MAX,
                statement: u32::MAX,
                commit: below(random, 3),
            },
        })
        .await;

    storm.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn futures_dropped_on_a_slow_line_leave_nothing_behind() {
    let test = test().await;
    let line = SlowLine::to(&test.app_url(), 1_000).await;
    let storm = Storm::over(&test, line.url()).await;

    storm
        .blow(2_000, |random| {
            Interruption::Time(Duration::from_micros(below(random, 150_000).into()))
        })
        .await;

    storm.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn futures_that_lose_a_race_leave_nothing_behind() {
    let test = test().await;
    let storm = Storm::over(&test, test.app_url()).await;

    storm
        .blow(2_000, |random| Interruption::Race(below(random, 400)))
        .await;

    storm.settle().await;
}
