//! Nobody reaches another's rows.

use crate::support::{Trader, With, World, buy, sell};
use platform_core::pg::AllowList;
use sqlx::Row as _;
use trading::{CancelError, OrderStatusFilter};

/// Two tenants with a customer each, and a neighbour of the first.
async fn three() -> (World, Trader, Trader, Trader) {
    let world = World::new().await;
    let abroad = world.other_tenant().await;
    world.quote("10.00", "10.01", "1000");
    let (owner, neighbour, foreigner) = (world.trader(), world.trader(), abroad.trader());
    neighbour.own_shares("1").await;
    foreigner.own_shares("1").await;
    (world, owner, neighbour, foreigner)
}

#[tokio::test]
async fn another_accounts_order_does_not_exist() {
    let (world, owner, neighbour, foreigner) = three().await;
    let twin = Trader {
        principal: owner.principal.clone(),
        world: foreigner.world.clone(),
    };
    let order = owner.place(&buy("10").limit("9.00").named("mine")).await.order;
    world.quote("8.99", "9.00", "4");
    world.match_aapl().await;

    for other in [&neighbour, &foreigner, &twin] {
        let (trading, ctx) = (&world.trading, other.ctx());
        assert_eq!(trading.order(&ctx, order.id).await.unwrap(), None);
        assert_eq!(trading.order_by_client_id(&ctx, "mine").await.unwrap(), None);
        assert_eq!(
            trading.executions(&ctx, order.id, (None, 10)).await.unwrap(),
            None
        );
        let events = trading.order_events(&ctx, order.id, (None, 10)).await;
        assert_eq!(events.unwrap(), None);
        let refused = trading.cancel(&ctx, order.id).await;
        assert!(matches!(refused, Err(CancelError::NotFound)), "{refused:?}");
        let all = OrderStatusFilter::All;
        let orders = trading.orders(&ctx, all, (None, 100)).await.unwrap();
        assert!(orders.iter().all(|other| other.id != order.id));
        // As a place to go on from, an id that is not one's own only says where in time.
        let before = trading.orders(&ctx, all, (Some(order.id), 100)).await.unwrap();
        assert!(before.iter().all(|other| other.id != order.id));
    }
    assert_eq!(owner.order(order.id).await.filled_quantity.to_string(), "4");
    world.sound().await;
    foreigner.world.sound().await;
}

#[tokio::test]
async fn each_customer_sees_their_own_money() {
    let (_, owner, neighbour, foreigner) = three().await;
    owner.own_shares("7").await;

    assert_eq!(owner.shares().await.1, "7");
    assert_eq!(neighbour.shares().await.1, "1");
    assert_eq!(foreigner.shares().await.1, "1");
    assert_eq!(owner.cash().await.0, "9929.93");
    assert_eq!(neighbour.cash().await.0, "9989.99");
}

#[tokio::test]
async fn the_matcher_keeps_tenants_apart() {
    let (world, owner, _, foreigner) = three().await;
    let mine = owner.place(&buy("10").limit("9.00")).await.order.id;
    let theirs = foreigner.place(&buy("10").limit("9.00")).await.order.id;

    world.quote("8.99", "9.00", "15");
    assert_eq!(world.match_aapl().await, 2);

    assert_eq!(owner.order(mine).await.filled_quantity.to_string(), "10");
    assert_eq!(foreigner.order(theirs).await.filled_quantity.to_string(), "5");
    assert_eq!(world.count("trading.execution").await, 2);
    assert_eq!(foreigner.world.count("trading.execution").await, 2);
    world.sound().await;
    foreigner.world.sound().await;
}

#[tokio::test]
async fn every_table_is_empty_under_another_tenants_setting() {
    let (world, owner, _, _) = three().await;
    owner.send("key", &buy("1").limit("9.00")).await.unwrap();
    owner.own_shares("1").await;
    owner.place(&sell("1").limit("20.00")).await;
    let stranger = world.other_tenant().await;
    let mut read = stranger.db.read(&stranger.system()).await.unwrap();
    let tables = sqlx::query(
        "select table_name::text as name from information_schema.columns
         where table_schema = 'trading' and column_name = 'tenant_id' order by 1",
    )
    .fetch_all(&mut read)
    .await
    .unwrap();
    assert_eq!(tables.len(), 16, "every table of this schema belongs to tenants");

    for table in tables {
        let name: String = table.get("name");
        let all = format!("select count(*) from trading.{name}");
        let seen: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(all))
            .fetch_one(&mut read)
            .await
            .unwrap();
        assert_eq!(seen, 0, "{name} without naming a tenant");
        let named = format!("select count(*) from trading.{name} where tenant_id = $1");
        let seen: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(named))
            .bind(world.tenant)
            .fetch_one(&mut read)
            .await
            .unwrap();
        assert_eq!(seen, 0, "{name} naming the other tenant");
    }
}

#[tokio::test]
async fn a_row_cannot_be_written_for_another_tenant() {
    let (world, owner, _, foreigner) = three().await;
    let account = world.trading.account(&owner.ctx()).await.unwrap().id;

    let writes = [
        "insert into trading.idempotency (tenant_id, account_id, route, key, fingerprint, outcome, created_at)
         values ($1, $2, 'orders', 'planted', decode(repeat('00', 32), 'hex'), '{}', now())",
        "update trading.account set available_cents = 0 where tenant_id = $1 and id = $2",
        "delete from trading.idempotency where tenant_id = $1 and account_id = $2",
    ];
    for write in writes {
        let mut tx = foreigner.world.db.begin(&foreigner.ctx()).await.unwrap();
        let written = sqlx::query(write)
            .bind(world.tenant)
            .bind(account)
            .execute(&mut tx)
            .await;
        assert!(
            written.is_err() || written.unwrap().rows_affected() == 0,
            "{write}"
        );
        tx.rollback().await.unwrap();
    }

    assert_eq!(owner.cash().await.0, "10000.00");
}

#[tokio::test]
async fn what_is_written_once_cannot_be_changed_by_the_application() {
    let (world, owner, _, _) = three().await;
    owner.own_shares("1").await;

    for write in [
        "update trading.transfer set amount = 1",
        "delete from trading.transfer",
        "update trading.execution set price_e4 = 1",
        "delete from trading.execution",
        "update trading.event set seq = seq + 1",
        "delete from trading.event",
        "delete from trading.orders",
        "delete from trading.account",
        "delete from trading.position",
        "update trading.orders set tenant_id = tenant_id",
    ] {
        let mut tx = world.db.begin(&world.system()).await.unwrap();
        assert!(sqlx::query(write).execute(&mut tx).await.is_err(), "{write}");
        tx.rollback().await.unwrap();
    }
    world.sound().await;
}

#[tokio::test]
async fn the_self_check_finds_nothing_in_this_schema() {
    let world = World::own().await;

    let allow = AllowList::core()
        .with_all(platform_audit::AUDIT_TABLES)
        .with_all(trading::TRADING_TABLES);
    let report = world.db.self_check(&allow).await.unwrap();

    assert!(report.passes(), "{report}");
    assert_eq!(report.warnings().count(), 0, "{report}");
}
