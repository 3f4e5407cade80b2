//! What it costs to record an event, and what the triggers of the database take of that.
//!
//! `cargo bench -p platform-audit --bench recording` needs a PostgreSQL, as the tests do. Times of `row/` are for one row within a
//! transaction of many, times of `transaction/` for a whole one with its commit.

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use platform_audit::{Action, Activity, AuditLog, Changes, Event, LogKey, MIGRATIONS, Outcome};
use platform_core::sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use platform_core::testing::TestDb;
use platform_core::{RequestContext, Sources, TenantId};
use serde_json::json;
use tokio::runtime::Runtime;

const PLACED: Action = Action::new("order.place");

const TABLES: &str = "
    create schema bench;
    grant usage on schema bench to platform_app;
    create table bench.plain (
        tenant_id uuid not null default current_setting('platform.tenant_id')::uuid, id int not null, n int, primary key (tenant_id, id)
    );
    create table bench.protected (like bench.plain including all);
    create table bench.left_out (like bench.plain including all);
    select platform_core.tenant_table(t, 'select, insert, update')
    from unnest('{bench.plain,bench.protected,bench.left_out}'::regclass[]) t;
    select platform_audit.protect('bench.protected'), platform_audit.protect('bench.left_out', '{n}');";

/// An event of this month, as the application inserts it.
const INSERT: &str = "insert into platform_audit.event (id, occurred_at, action, outcome, actor_kind, request_id, trace_id, detail)
    values ((left(platform_audit.first_id_at(now())::text, 14) || right(gen_random_uuid()::text, 22))::uuid, now(), 'order.place',
      'success', 'user', gen_random_uuid(), repeat('0', 32), '{\"lots\": 3}')";

struct Bench {
    runtime: Runtime,
    test: TestDb,
    tenant: TenantId,
}

impl Bench {
    fn new() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let (test, tenant) = runtime.block_on(async {
            let test = Box::pin(TestDb::own(&[&MIGRATIONS])).await;
            let mut owner = PgConnection::connect(&test.owner_url()).await.expect("the owner");
            owner.execute(TABLES).await.expect("tables");
            let tenant = test.tenant().await;
            (test, tenant)
        });
        Self {
            runtime,
            test,
            tenant,
        }
    }

    /// Runs `prepare` and then, timed, `measured` in a transaction of the application that is rolled back.
    fn timed(&self, alter: &str, prepare: &str, measured: &str) -> Duration {
        self.runtime.block_on(async {
            let mut connection = PgConnection::connect(&self.test.superuser_url())
                .await
                .expect("a connection");
            let begin = format!(
                "begin; {alter}; set local role platform_app; set local platform.tenant_id = '{}'; {prepare}",
                self.tenant
            );
            connection
                .execute(AssertSqlSafe(begin))
                .await
                .expect("a transaction");
            let started = Instant::now();
            connection
                .execute(AssertSqlSafe(measured.to_owned()))
                .await
                .expect("it runs");
            let took = started.elapsed();
            connection.execute("rollback").await.expect("a rollback");
            took
        })
    }

    fn context(&self) -> RequestContext {
        self.test.context(self.tenant)
    }
}

fn times(count: u64, statement: &str) -> String {
    format!("do $$ begin for i in 1..{count} loop {statement}; end loop; end $$")
}

fn rows(c: &mut Criterion) {
    let bench = Bench::new();
    let mut group = c.benchmark_group("row");
    group.sample_size(20).throughput(Throughput::Elements(1));
    group.bench_function("event without the work list", |b| {
        b.iter_custom(|n| {
            let alter = "alter table platform_audit.event disable trigger event_is_enqueued";
            bench.timed(alter, "select", &times(n, INSERT))
        });
    });
    group.bench_function("event with the work list", |b| {
        b.iter_custom(|n| bench.timed("select", "select", &times(n, INSERT)));
    });
    for (table, change) in [
        ("plain", "update bench.plain set n = n + 1"),
        ("protected", "update bench.protected set n = n + 1"),
        ("left_out", "update bench.left_out set n = n + 1"),
    ] {
        group.bench_function(format!("changed and looked at, {table}"), |b| {
            b.iter_custom(|n| {
                let fill = format!(
                    "{INSERT}; insert into bench.{table} (id, n) select g, 0 from generate_series(1, {n}) g"
                );
                let fill = format!("{fill}; set constraints all immediate; set constraints all deferred");
                bench.timed(
                    "select",
                    &fill,
                    &format!("{change}; set constraints all immediate"),
                )
            });
        });
    }
    group.finish();
}

fn event() -> Event {
    Event::new(PLACED, Outcome::Success)
        .activity(Activity::Create)
        .target("order", "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12")
        .changes(Changes::new().field("state", "new", "open"))
        .detail(json!({ "lots": 3, "price_e4": 1_500_000, "side": "buy", "symbol": "ACME" }))
}

fn transactions(c: &mut Criterion) {
    let bench = Bench::new();
    let ctx = bench.context();
    let sources = Sources::system();
    let key = LogKey::generate("audit.example.com", &sources).expect("a host");
    let mut group = c.benchmark_group("transaction");
    group.sample_size(30);
    for (name, log) in [
        ("one event", AuditLog::new(sources.clone())),
        ("one sealed event", AuditLog::new(sources).sealed_by(&key)),
    ] {
        group.throughput(Throughput::Elements(1));
        group.bench_function(name, |b| {
            b.iter(|| {
                bench
                    .runtime
                    .block_on(log.record_alone(&bench.test.db(), &ctx, event()))
                    .expect("it is recorded")
            });
        });
        group.throughput(Throughput::Elements(1_000));
        group.bench_function(format!("{name}, a thousand at once"), |b| {
            b.iter(|| {
                bench.runtime.block_on(async {
                    let mut tx = bench.test.db().begin(&ctx).await.expect("a transaction");
                    let batch = (0..1_000).map(|_| event()).collect();
                    log.record_all(&mut tx, &ctx, batch)
                        .await
                        .expect("they are recorded");
                    tx.commit().await.expect("a commit");
                });
            });
        });
    }
    group.finish();
}

criterion_group!(benches, rows, transactions);
criterion_main!(benches);
