//! Connections that are cut in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use platform_core::conformance::lease::LeaseWorld as _;
use platform_core::lease::{Guard, Lease, Leases, Term, Ttl, fence_in};
use platform_core::pg::{Db, DbError};
use platform_core::sqlx;
use platform_core::testing::{APP_LOGIN, TestDb};
use platform_core::{RequestContext, lease::LeaseName};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::support::{PgWorld, append, holder, journal, ttl};
use crate::support::{own, superuser};

/// Cuts every connection of the application to this database.
async fn cut(test: &TestDb, conn: &mut sqlx::PgConnection) {
    sqlx::query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and usename = $2")
        .bind(test.database().name())
        .bind(APP_LOGIN)
        .execute(conn)
        .await
        .unwrap();
}

/// Takes the lease, writes under it and gives it back: whether all of that is known to have happened.
async fn write_once((db, leases): (&Db, &Leases), ctx: &RequestContext, name: &LeaseName, who: &str) -> bool {
    // Short, because nobody else ends a lease whose holder was cut off.
    let short = Ttl::new(Duration::from_millis(100)).unwrap();
    let Ok(Some(lease)) = leases.try_acquire(name, short, &holder(who)).await else {
        return false;
    };
    let written = write(db, ctx, &lease, who).await;
    let _ = leases.release(&lease).await;
    written.is_some()
}

async fn write(db: &Db, ctx: &RequestContext, lease: &Lease, who: &str) -> Option<()> {
    let mut tx = db.begin(ctx).await.ok()?;
    fence_in(&mut tx, lease).await.ok()?;
    let appended = append(&mut tx, lease, who).await.map_err(DbError::from);
    // Two at a time would take one place.
    assert!(!matches!(appended, Err(DbError::Conflict { .. })), "{appended:?}");
    appended.ok()?;
    tx.commit().await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_give_a_lease_to_nobody_twice() {
    const EACH: usize = 12;
    let test = own().await;
    let world = PgWorld::of_tenant(&test).await;
    // Connected before anything is cut.
    let mut processes = Vec::new();
    for number in 0..4 {
        processes.push((number, world.leases().await));
    }
    let done = Arc::new(AtomicBool::new(false));
    // Every few tries, somewhere in the middle of them.
    let due = Arc::new(Notify::new());
    let cutting = tokio::spawn({
        let (done, due, test) = (done.clone(), due.clone(), test.clone());
        async move {
            let mut conn = superuser(test.database()).await;
            let mut cuts = 0;
            while !done.load(Ordering::Relaxed) {
                due.notified().await;
                cut(&test, &mut conn).await;
                cuts += 1;
            }
            cuts
        }
    });
    let mut writers = JoinSet::new();
    for (number, leases) in processes {
        let (db, name) = (world.db(), world.name("a"));
        let (ctx, due) = (test.context(world.tenant), due.clone());
        writers.spawn(async move {
            let who = format!("writer-{number}");
            let (mut written, mut tries) = (0, 0);
            while written < EACH {
                tries += 1;
                if tries % 7 == 0 {
                    due.notify_one();
                }
                if write_once((&db, &leases), &ctx, &name, &who).await {
                    written += 1;
                }
                tokio::task::yield_now().await;
            }
        });
    }

    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    done.store(true, Ordering::Relaxed);
    due.notify_one();
    let cuts: i32 = cutting.await.unwrap();

    assert!(cuts > 3, "{cuts}");
    let journal = journal(&world).await;
    // A commit whose answer was cut off may have happened too.
    assert!(journal.len() >= 4 * EACH, "{}", journal.len());
    assert!(journal.is_sorted_by_key(|(token, _)| *token), "{journal:?}");
    let one_each = journal
        .windows(2)
        .all(|pair| pair[0].0 != pair[1].0 || pair[0].1 == pair[1].1);
    assert!(one_each, "{journal:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_outlives_the_connection_it_renewed_on() {
    let test = own().await;
    let world = PgWorld::of_tenant(&test).await;
    let (leases, name) = (world.leases().await, world.name("a"));
    // Renewed every 200 ms.
    let short = Ttl::new(Duration::from_millis(600)).unwrap();
    let lease = leases
        .try_acquire(&name, short, &holder("me"))
        .await
        .unwrap()
        .unwrap();
    let guard = Guard::keep(&leases, lease.clone(), Term::lasting(short));
    let mut conn = superuser(test.database()).await;

    // Until the lease has lasted for twice its time by the server's clock.
    let twice = lease.expires_at + Duration::from_millis(600);
    loop {
        cut(&test, &mut conn).await;
        let is_over: bool =
            sqlx::query_scalar("select pg_sleep(0.15) is not null and clock_timestamp() > $1")
                .bind(twice)
                .fetch_one(&mut conn)
                .await
                .unwrap();
        if is_over || !guard.is_held() {
            break;
        }
    }

    assert!(guard.is_held());
    assert_eq!(
        leases.try_acquire(&name, ttl(60), &holder("next")).await.unwrap(),
        None
    );
}
