//! What is written under a lease.

use std::time::Duration;

use platform_core::conformance::lease::LeaseWorld as _;
use platform_core::lease::{FenceError, Lease, LeaseName, Leases, Renewed, fence_in, fence_job_in};
use platform_core::pg::DbError;
use platform_core::sqlx;
use platform_core::testing::assert_tables_isolated;

use super::support::{PgWorld, append, holder, journal, ttl};
use crate::support::{FENCER, shared};

const LONGER_THAN_A_LEASE: Duration = Duration::from_secs(61);

async fn take(leases: &Leases, name: &LeaseName) -> Option<Lease> {
    leases.try_acquire(name, ttl(60), &holder("me")).await.unwrap()
}

#[tokio::test]
async fn a_holder_that_was_paused_past_its_lease_writes_nothing() {
    let world = PgWorld::of_tenant(&shared().await).await;
    let leases = world.leases().await;
    let lease = take(&leases, &world.name("a")).await.unwrap();
    world.elapse(LONGER_THAN_A_LEASE).await;

    let mut tx = world.begin().await;
    let refused = fence_in(&mut tx, &lease).await.unwrap_err();
    // A writer that does not listen gets no further.
    append(&mut tx, &lease, "stale").await.unwrap();
    let committed = tx.commit().await;

    assert!(matches!(refused, FenceError::Stale { name } if name == lease.name));
    assert!(matches!(committed, Err(DbError::Aborted)), "{committed:?}");
    assert_eq!(journal(&world).await, []);
}

#[tokio::test]
async fn a_change_that_was_proven_in_time_ends_before_there_is_another_holder() {
    let world = PgWorld::of_tenant(&shared().await).await;
    let leases = world.leases().await;
    let name = world.name("a");
    let lease = take(&leases, &name).await.unwrap();
    let mut tx = world.begin().await;
    fence_in(&mut tx, &lease).await.unwrap();
    append(&mut tx, &lease, "first").await.unwrap();

    // Its own renewal does not wait for it.
    let renewed = leases.renew(&lease, ttl(60)).await.unwrap();
    world.elapse(LONGER_THAN_A_LEASE).await;
    let during = take(&leases, &name).await;
    tx.commit().await.unwrap();
    let after = take(&leases, &name).await.unwrap();

    assert!(matches!(renewed, Renewed::Held(_)));
    assert_eq!(during, None);
    assert!(after.token > lease.token);
    assert_eq!(
        journal(&world).await,
        [(lease.token.as_i64(), "first".to_owned())]
    );
}

#[tokio::test]
async fn a_lease_that_is_given_back_during_a_change_is_free_after_it() {
    let world = PgWorld::of_tenant(&shared().await).await;
    let leases = world.leases().await;
    let name = world.name("a");
    let lease = take(&leases, &name).await.unwrap();
    let mut tx = world.begin().await;
    fence_in(&mut tx, &lease).await.unwrap();

    leases.release(&lease).await.unwrap();
    let during = take(&leases, &name).await;
    tx.rollback().await.unwrap();

    assert_eq!(during, None);
    assert!(take(&leases, &name).await.is_some());
}

#[tokio::test]
async fn another_tenants_lease_proves_nothing() {
    let test = shared().await;
    let (ours, theirs) = (PgWorld::of_tenant(&test).await, PgWorld::of_tenant(&test).await);
    let lease = take(&theirs.leases().await, &theirs.name("a")).await.unwrap();
    // The same name and the same token.
    take(&ours.leases().await, &ours.name("a")).await.unwrap();

    let mut tx = ours.begin().await;
    let refused = fence_in(&mut tx, &lease).await;

    assert!(matches!(refused, Err(FenceError::Stale { .. })), "{refused:?}");
}

#[tokio::test]
async fn the_leases_of_a_tenant_are_out_of_anothers_reach() {
    let test = shared().await;
    let (ours, theirs) = (PgWorld::of_tenant(&test).await, PgWorld::of_tenant(&test).await);
    for world in [&ours, &theirs] {
        take(&world.leases().await, &world.name("a")).await.unwrap();
    }

    let tables = assert_tables_isolated(&test.db(), ours.tenant, theirs.tenant).await;

    assert!(
        tables.tried.contains(&"platform_core.lease".to_owned()),
        "{tables:?}"
    );
}

#[tokio::test]
async fn a_job_over_all_tenants_writes_under_a_lease_of_the_platform_while_it_holds_it() {
    let world = PgWorld::of_platform(&shared().await).await;
    let lease = take(&world.leases().await, &world.name("a")).await.unwrap();

    let mut job = world.db().begin_as(&FENCER).await.unwrap();
    fence_job_in(&mut job, &lease).await.unwrap();
    sqlx::query("insert into blocks.tally (token) values ($1)")
        .bind(lease.token.as_i64())
        .execute(&mut job)
        .await
        .unwrap();
    job.commit().await.unwrap();
    world.elapse(LONGER_THAN_A_LEASE).await;
    let mut job = world.db().begin_as(&FENCER).await.unwrap();
    let refused = fence_job_in(&mut job, &lease).await;
    let committed = job.commit().await;

    assert!(matches!(refused, Err(FenceError::Stale { .. })), "{refused:?}");
    assert!(matches!(committed, Err(DbError::Aborted)), "{committed:?}");
}

#[tokio::test]
async fn a_job_over_all_tenants_holds_no_tenants_lease() {
    let world = PgWorld::of_tenant(&shared().await).await;
    let lease = take(&world.leases().await, &world.name("a")).await.unwrap();

    let mut job = world.db().begin_as(&FENCER).await.unwrap();
    let refused = fence_job_in(&mut job, &lease).await;

    assert!(matches!(refused, Err(FenceError::Stale { .. })), "{refused:?}");
}
