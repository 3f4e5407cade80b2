//! Who gets a connection, and what happens when there is none.

use std::time::{Duration, Instant};

use platform_core::pg::{ConnectError, Db, DbConfig, DbError};
use platform_core::sqlx;
use platform_core::testing::{TestCluster, TestDb};
use platform_core::{RequestContext, RequestMeta, Sources};

use crate::support::{
    SHOP, as_superuser, connect, context, count, id, items, login, own_shop, put_item, shop, stock, tenant,
};

const LIMIT: Duration = Duration::from_millis(200);
/// What a busy machine may add to a limit.
const SLACK: Duration = Duration::from_secs(5);

#[tokio::test]
async fn an_exhausted_pool_is_a_timeout_within_its_limit() {
    let test = shop().await;
    let db = connect(test.app_url(), |config| {
        config.max_connections = 2;
        config.acquire_timeout = LIMIT;
    })
    .await;
    let held = [
        db.begin(&context(tenant())).await.unwrap(),
        db.begin(&context(tenant())).await.unwrap(),
    ];
    let started = Instant::now();

    let refused = db.begin(&context(tenant())).await;

    let waited = started.elapsed();
    assert!(matches!(refused, Err(DbError::Timeout(_))), "{refused:?}");
    assert!(waited >= LIMIT && waited < LIMIT + SLACK, "{waited:?}");
    drop(held);
    db.begin(&context(tenant()))
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_wait_ends_with_the_requests_deadline() {
    let test = shop().await;
    let db = test.connect_with(1).await;
    let held = db.begin(&context(tenant())).await.unwrap();
    let sources = Sources::system();
    let mut meta = RequestMeta::internal(&sources);
    meta.deadline = Some(sources.now() + LIMIT);
    let ctx = RequestContext::anonymous(tenant(), meta);
    let started = Instant::now();

    let refused = db.begin(&ctx).await;

    assert!(matches!(refused, Err(DbError::Timeout(_))), "{refused:?}");
    assert!(started.elapsed() < Duration::from_secs(4));
    drop(held);
}

#[tokio::test]
async fn one_tenant_does_not_take_every_connection() {
    let test = shop().await;
    let db = connect(test.app_url(), |config| {
        config.max_connections = 4;
        config.tenant_connections = Some(3);
        config.acquire_timeout = LIMIT;
    })
    .await;
    let (greedy, modest) = (context(tenant()), context(tenant()));
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(db.begin(&greedy).await.unwrap());
    }

    let beyond_its_share = db.begin(&greedy).await;
    let served = db.begin(&modest).await;

    assert!(matches!(beyond_its_share, Err(DbError::Timeout(_))));
    served.unwrap().commit().await.unwrap();
    drop(held.pop());
    db.begin(&greedy).await.unwrap().commit().await.unwrap();
}

#[tokio::test]
async fn connections_that_were_cut_are_replaced_by_the_next_transaction() {
    let test = own_shop().await;
    let db = test.db();
    let ours = tenant();
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(db.read(&context(ours)).await.unwrap());
    }
    for read in open {
        read.finish().await.unwrap();
    }

    cut(&test).await;
    stock(&db, ours, "anvil").await;

    assert_eq!(items(&db, ours).await, ["anvil"]);
}

#[tokio::test]
async fn a_transaction_whose_connection_was_cut_says_so() {
    let test = own_shop().await;
    let db = test.db();
    let ours = tenant();
    let mut tx = db.begin(&context(ours)).await.unwrap();
    put_item(&mut tx, id(), "anvil").await.unwrap();

    cut(&test).await;
    let committed = tx.commit().await;

    assert!(matches!(committed, Err(DbError::Unavailable(_))), "{committed:?}");
    assert!(items(&db, ours).await.is_empty());
}

async fn cut(test: &TestDb) {
    as_superuser(
        test.database(),
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_killed_and_started_again_is_used_again() {
    let mut cluster = TestCluster::on_disk(&[&SHOP]).await;
    let db = cluster.open().await.db();
    let ours = tenant();
    stock(&db, ours, "anvil").await;

    cluster.kill_postmaster();
    let meanwhile = db.ping().await;
    cluster.restart().await;

    assert!(meanwhile.unwrap_err().is_unavailable());
    assert_eq!(items(&db, ours).await, ["anvil"]);
}

#[tokio::test]
async fn a_statement_past_its_limit_is_a_timeout() {
    let test = shop().await;
    let db = connect(test.app_url(), |config| config.statement_timeout = LIMIT).await;
    let mut tx = db.begin(&context(tenant())).await.unwrap();

    let slow: DbError = sqlx::query("select pg_sleep(60)")
        .execute(&mut tx)
        .await
        .unwrap_err()
        .into();

    assert!(matches!(slow, DbError::Timeout(_)), "{slow:?}");
    assert!(matches!(tx.commit().await, Err(DbError::Aborted)));
}

#[tokio::test]
async fn a_transaction_that_does_nothing_is_ended_by_the_server() {
    let test = shop().await;
    let db = connect(test.app_url(), |config| {
        config.max_connections = 1;
        config.idle_in_transaction_timeout = LIMIT;
    })
    .await;
    let mut tx = db.begin(&context(tenant())).await.unwrap();

    // Another session keeps this test waiting until the server has done so.
    count(test.database(), "select 0::bigint from pg_sleep(1)").await;
    let late = put_item(&mut tx, id(), "late").await;
    drop(tx);

    assert!(matches!(late, Err(DbError::Unavailable(_))), "{late:?}");
    db.begin(&context(tenant()))
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_login_that_is_not_enrolled_cannot_connect() {
    let test = shop().await;
    let (_, url) = login(test.database(), "", false).await;

    let refused = Db::connect(&DbConfig::new(url), Sources::system()).await;

    assert!(matches!(refused, Err(ConnectError::NotAMember(_))), "{refused:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable_and_a_text_that_is_no_url_is_named_as_such() {
    let nowhere = DbConfig::new("postgres://app@127.0.0.1:1/none?sslmode=disable");
    let malformed = DbConfig::new("mysql://secret@host/db");

    let unreachable = Db::connect(&nowhere, Sources::system()).await.unwrap_err();
    let invalid = Db::connect(&malformed, Sources::system()).await.unwrap_err();

    assert!(
        matches!(unreachable, ConnectError::Unreachable(_)),
        "{unreachable:?}"
    );
    assert!(matches!(invalid, ConnectError::InvalidUrl), "{invalid:?}");
    assert!(!invalid.to_string().contains("secret"));
}

#[tokio::test]
async fn closing_waits_for_a_running_transaction_no_longer_than_its_limit() {
    let test = shop().await;
    let db = connect(test.app_url(), |config| config.acquire_timeout = LIMIT).await;
    let running = db.begin(&context(tenant())).await.unwrap();
    let started = Instant::now();

    db.close().await;

    let waited = started.elapsed();
    assert!(waited >= LIMIT && waited < LIMIT + SLACK, "{waited:?}");
    drop(running);
    assert!(db.begin(&context(tenant())).await.is_err());
}
