//! A service that records at a steady rate while the sequencer runs.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use platform_audit::{AuditLog, EventId, Outlet};
use platform_core::pg::Db;
use platform_core::sqlx::{self, PgConnection};
use platform_core::uuid::Uuid;
use platform_core::{PrincipalId, Sources, TenantId, Timestamp};
use tempfile::TempDir;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::support::{Place, context, event, setting};

const CONNECTIONS: u32 = 8;

/// A transaction that begins later than this is late: then the machine cannot keep up, whatever the sequencer does.
const LATE: Duration = Duration::from_millis(100);

/// The last event of a transaction, and when its commit was known.
struct Committed {
    tenant: TenantId,
    id: EventId,
    at: Timestamp,
}

/// What one connection did.
#[derive(Default)]
struct Done {
    events: u64,
    late: u64,
    committed: Vec<Committed>,
}

/// One connection's part of the load.
#[derive(Clone)]
struct Load {
    db: Db,
    log: AuditLog,
    tenants: Arc<[TenantId]>,
    sources: Sources,
    batch: u64,
    /// Between two transactions of a connection.
    pause: Duration,
    began: Instant,
    lasts: Duration,
}

/// Where an outlet is made.
pub(crate) fn folder() -> TempDir {
    match env::var_os("BENCH_OUTLET") {
        Some(parent) => tempfile::tempdir_in(parent).unwrap(),
        None => tempfile::tempdir().unwrap(),
    }
}

/// Records events of so many tenants, and measures how long each took until it was published.
pub(crate) async fn serve(tenants: usize) {
    let mut place = Box::pin(Place::new()).await;
    let log = place.log();
    let outlet = folder();
    let sequencer = place
        .sequencer(&log)
        .await
        .publish_to(Outlet::directory(outlet.path()));
    let sources = place.test.sources().clone();
    let tenants: Arc<[TenantId]> = (0..tenants).map(|_| TenantId::generate(&sources)).collect();
    let batch = setting("BENCH_BATCH", 10);
    let transactions = setting("BENCH_RATE", 2_000) / batch;
    let load = Load {
        db: place.test.connect_with(CONNECTIONS).await,
        log,
        tenants: Arc::clone(&tenants),
        sources,
        batch,
        pause: Duration::from_secs(1) * CONNECTIONS / u32::try_from(transactions).unwrap(),
        began: Instant::now(),
        lasts: Duration::from_secs(setting("BENCH_SECONDS", 10)),
    };
    let stop = CancellationToken::new();
    let (running, token) = (sequencer.clone(), stop.clone());
    let running = tokio::spawn(async move { running.run(token).await });

    let began = load.began;
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|number| tokio::spawn(record(load.clone(), number)))
        .collect();
    let mut done = Done::default();
    for connection in connections {
        let part = connection.await.unwrap();
        done.events += part.events;
        done.late += part.late;
        done.committed.extend(part.committed);
    }
    let seconds = began.elapsed().as_secs_f64();
    stop.cancel();
    running.await.unwrap();
    while sequencer.round().await.unwrap().more {}

    let mut latencies = latencies(&mut place.superuser, &done.committed).await;
    latencies.sort_unstable();
    let at = |share: usize| latencies[(latencies.len() * share / 100).min(latencies.len() - 1)];
    println!(
        "| {} tenants | {} | {:.0} | {} | {} | {} | {} |",
        tenants.len(),
        done.events,
        done.events as f64 / seconds,
        at(50),
        at(99),
        at(100),
        done.late,
    );
}

/// Begins a transaction whenever its time has come; one that is late does not shift the next.
async fn record(load: Load, number: u32) -> Done {
    let mut done = Done::default();
    let user = PrincipalId::generate(&load.sources);
    let mut due = load.began + load.pause * number / CONNECTIONS;
    let mut turn = usize::try_from(number).unwrap();
    while due < load.began + load.lasts {
        sleep_until(due).await;
        done.late += u64::from(due.elapsed() > LATE);
        due += load.pause;
        let tenant = load.tenants[turn % load.tenants.len()];
        turn += usize::try_from(CONNECTIONS).unwrap() + 1;
        let ctx = context(tenant, user, Uuid::nil(), &load.sources);
        let mut tx = load.db.begin(&ctx).await.unwrap();
        let mut last = None;
        for _ in 0..load.batch {
            let event = event(Uuid::nil(), Uuid::nil());
            last = Some(load.log.record(&mut tx, &ctx, event).await.unwrap());
        }
        tx.commit().await.unwrap();
        let at = load.sources.now();
        done.events += load.batch;
        done.committed.extend(last.map(|id| Committed { tenant, id, at }));
    }
    done
}

/// Milliseconds from each commit until the first checkpoint that covers it was published.
async fn latencies(superuser: &mut PgConnection, committed: &[Committed]) -> Vec<i64> {
    let found: Vec<Option<i64>> = sqlx::query_scalar(
        "select (
           select round(extract(epoch from min(c.published_at) - w.at) * 1000)::bigint
           from platform_audit.leaf l
           join platform_audit.checkpoint c on c.tenant_id = l.tenant_id and c.size > l.seq
           where l.tenant_id = w.tenant_id and l.id = w.id
         )
         from unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) as w (tenant_id, id, at)",
    )
    .bind(committed.iter().map(|one| one.tenant).collect::<Vec<_>>())
    .bind(committed.iter().map(|one| one.id).collect::<Vec<_>>())
    .bind(committed.iter().map(|one| one.at).collect::<Vec<_>>())
    .fetch_all(superuser)
    .await
    .unwrap();
    let found: Vec<i64> = found.into_iter().flatten().collect();
    assert_eq!(found.len(), committed.len(), "not every event was published");
    found
}
