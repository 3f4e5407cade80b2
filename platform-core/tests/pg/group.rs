//! Transactions that go from tenant to tenant.

use std::time::Duration;

use platform_core::TenantId;
use platform_core::pg::{DbError, GroupTx, TenantTx};
use platform_core::sqlx;

use crate::proxy::polled;
use crate::support::{connect, context, id, items, put_item, shop, tenant};

/// The names of all items that the transaction sees, whoever asks for them.
async fn seen(tx: &mut TenantTx) -> Vec<TenantId> {
    sqlx::query_scalar("select distinct tenant_id from shop.item")
        .fetch_all(tx)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_it_writes_for_each_tenant_is_that_tenants_and_becomes_durable_at_once() {
    let test = shop().await;
    let db = test.db();
    let tenants = [tenant(), tenant(), tenant()];

    let mut group = db.begin_group(&context(tenants[0])).await.unwrap();
    for tenant in tenants {
        let tx = group.of(&context(tenant)).await.unwrap();
        assert_eq!(tx.tenant(), tenant);
        put_item(tx, id(), "kite").await.unwrap();
        assert_eq!(seen(tx).await, [tenant], "nothing of the one before");
    }
    for tenant in tenants {
        assert_eq!(items(&db, tenant).await.len(), 0, "not yet");
    }
    group.commit().await.unwrap();

    for tenant in tenants {
        assert_eq!(items(&db, tenant).await.len(), 1);
    }
}

#[tokio::test]
async fn a_row_of_the_tenant_before_cannot_be_touched_any_more() {
    let test = shop().await;
    let db = test.db();
    let (first, second) = (tenant(), tenant());
    let mut group = db.begin_group(&context(first)).await.unwrap();
    put_item(group.of(&context(first)).await.unwrap(), id(), "kite")
        .await
        .unwrap();

    let tx = group.of(&context(second)).await.unwrap();
    let touched = sqlx::query("update shop.item set tenant_id = tenant_id where tenant_id = $1")
        .bind(first)
        .execute(&mut *tx)
        .await;
    assert!(touched.is_err() || touched.unwrap().rows_affected() == 0);
    group.rollback().await.unwrap();
    assert_eq!(items(&db, first).await.len(), 0);
}

#[tokio::test]
async fn a_failure_for_one_tenant_takes_back_what_was_written_for_all() {
    let test = shop().await;
    let db = test.db();
    let (first, second) = (tenant(), tenant());
    let mut group = db.begin_group(&context(first)).await.unwrap();
    put_item(group.of(&context(first)).await.unwrap(), id(), "kite")
        .await
        .unwrap();
    let tx = group.of(&context(second)).await.unwrap();
    let same = id();
    put_item(tx, same, "kite").await.unwrap();
    assert!(put_item(tx, same, "kite").await.is_err());

    assert!(
        group.of(&context(first)).await.is_err(),
        "there is nothing to go on with"
    );
    assert!(matches!(group.commit().await, Err(DbError::Aborted)));

    assert_eq!(items(&db, first).await.len(), 0);
}

#[tokio::test]
async fn a_change_of_tenant_that_is_not_seen_to_its_end_leaves_nothing_to_commit() {
    let test = shop().await;
    let db = test.db();
    let (first, second) = (tenant(), tenant());
    for polls in 1..6 {
        let mut group: GroupTx = db.begin_group(&context(first)).await.unwrap();
        put_item(group.of(&context(first)).await.unwrap(), id(), "kite")
            .await
            .unwrap();
        let there = polled(polls, group.of(&context(second))).await.is_some();
        let committed = group.commit().await;
        match there {
            true => committed.unwrap(),
            false => assert!(matches!(committed, Err(DbError::Aborted)), "{committed:?}"),
        }
        // The connection is clean for whoever gets it next.
        let mut tx = db.begin(&context(second)).await.unwrap();
        assert_eq!(seen(&mut tx).await, []);
        tx.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn requests_leave_the_connections_alone_that_are_set_aside() {
    let test = shop().await;
    let db = connect(test.app_url(), |config| {
        config.max_connections = 3;
        config.reserved_connections = 1;
        config.acquire_timeout = Duration::from_millis(200);
    })
    .await;
    let held = [
        db.begin(&context(tenant())).await.unwrap(),
        db.begin(&context(tenant())).await.unwrap(),
    ];

    let refused = db.begin(&context(tenant())).await;
    let one = tenant();
    let mut group = db.begin_group(&context(one)).await.unwrap();
    put_item(group.of(&context(one)).await.unwrap(), id(), "kite")
        .await
        .unwrap();
    group.commit().await.unwrap();

    assert!(matches!(refused, Err(DbError::Timeout(_))), "{refused:?}");
    drop(held);
    assert_eq!(items(&db, one).await.len(), 1);
}
