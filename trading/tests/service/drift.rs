//! What the matcher knows against the rows, and many fills in one transaction.

use std::time::Duration;

use crate::support::{Trader, With, World, buy, sell};
use platform_core::pg::{Db, DbConfig};
use sqlx::Connection as _;
use trading::{OrderStatus, OrderStatusFilter};

fn settle(world: &World) {
    world.clock.advance(Duration::from_secs(6));
}

fn drift(world: &World) -> i64 {
    world.trading.metrics().trigger_index_drift.get()
}

/// In how many transactions resting orders were filled.
async fn filling_transactions(world: &World) -> i64 {
    let mut connection = sqlx::PgConnection::connect(&world.test.superuser_url())
        .await
        .unwrap();
    sqlx::query_scalar("select count(distinct xid) from platform_audit.event where action = 'order.fill'")
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_day_of_orders_leaves_no_drift() {
    let world = World::own().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "1000");
    trader.own_shares("10").await;
    for _ in 0..5 {
        trader.place(&buy("1").limit("9.00")).await;
        trader.place(&sell("1").limit("11.00")).await;
    }
    let gone = trader.place(&buy("1").limit("8.00")).await.order.id;
    world.trading.cancel(&trader.ctx(), gone).await.unwrap();
    world.quote("8.99", "9.00", "3.5");
    world.match_aapl().await;
    settle(&world);

    assert_eq!(world.matcher.reconcile().await.unwrap(), 0);
    assert_eq!(drift(&world), 0);
}

#[tokio::test]
async fn what_the_index_is_wrong_about_is_counted_once_and_corrected() {
    let world = World::own().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "1000");
    let changed = trader.place(&buy("5").limit("9.00")).await.order.id;
    let closed = trader.place(&buy("5").limit("9.00")).await.order.id;
    let elsewhere = world.restarted();
    let unknown = trader
        .at(&elsewhere)
        .place(&buy("5").limit("9.00"))
        .await
        .order
        .id;
    elsewhere.trading.cancel(&trader.ctx(), closed).await.unwrap();
    elsewhere.quote("8.99", "9.00", "2");
    elsewhere.matcher.load().await.unwrap();
    elsewhere.match_aapl().await;

    assert_eq!(
        world.matcher.reconcile().await.unwrap(),
        0,
        "it may not have had the time yet"
    );
    let fresh = World::restarted(&world);
    settle(&fresh);
    assert_eq!(fresh.matcher.reconcile().await.unwrap(), 2, "it knew nothing");
    assert_eq!(fresh.matcher.reconcile().await.unwrap(), 0);

    world.quote("8.99", "9.00", "100");
    assert_eq!(world.match_aapl().await, 2, "corrected all the same");
    for order in [changed, unknown] {
        assert_eq!(trader.order(order).await.status, OrderStatus::Filled);
    }
    world.sound().await;
}

#[tokio::test]
async fn an_order_that_was_closed_elsewhere_is_drift_after_a_while() {
    let world = World::own().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "1000");
    let closed = trader.place(&buy("5").limit("9.00")).await.order.id;
    world
        .restarted()
        .trading
        .cancel(&trader.ctx(), closed)
        .await
        .unwrap();
    settle(&world);

    assert_eq!(world.matcher.reconcile().await.unwrap(), 1);
    assert_eq!(drift(&world), 1);
    assert_eq!(world.matcher.reconcile().await.unwrap(), 0);
    assert_eq!(drift(&world), 0);
}

#[tokio::test]
async fn the_orders_of_a_tenant_that_uses_all_of_its_connections_are_read_and_filled() {
    let big = World::own().await;
    let config = DbConfig {
        tenant_connections: Some(2),
        reserved_connections: 1,
        acquire_timeout: Duration::from_millis(500),
        ..DbConfig::new(big.test.app_url()).with_max_connections(4)
    };
    let world = big.with_db(Db::connect(&config, big.sources.clone()).await.unwrap());
    let trader = big.trader();
    world.quote("10.00", "10.01", "1000");
    let id = trader.place(&buy("10").limit("9.00")).await.order.id;
    settle(&world);
    let taken = [
        world.db.begin(&world.system()).await.unwrap(),
        world.db.begin(&world.system()).await.unwrap(),
    ];
    assert!(world.db.begin(&world.system()).await.is_err());

    assert_eq!(world.matcher.reconcile().await.unwrap(), 1);
    world.quote("8.99", "9.00", "1000");
    assert_eq!(world.match_aapl().await, 1);

    drop(taken);
    assert_eq!(trader.order(id).await.status, OrderStatus::Filled);
    big.sound().await;
}

#[tokio::test]
async fn orders_of_many_accounts_and_tenants_fill_in_one_transaction() {
    let world = World::own().await;
    let abroad = world.other_tenant().await;
    world.quote("10.00", "10.01", "1000");
    let people: Vec<Trader> = (0..10)
        .map(|number| {
            if number % 2 == 0 {
                world.trader()
            } else {
                abroad.trader()
            }
        })
        .collect();
    for trader in &people {
        for _ in 0..4 {
            trader.place(&buy("2").limit("9.00")).await;
        }
    }

    world.quote("8.99", "9.00", "75");
    assert_eq!(world.match_aapl().await, 40);

    assert_eq!(filling_transactions(&world).await, 1);
    let mut filled = Vec::new();
    for trader in &people {
        let all = OrderStatusFilter::All;
        let orders = world
            .trading
            .orders(&trader.ctx(), all, (None, 10))
            .await
            .unwrap();
        for order in orders {
            filled.push((order.id, order.filled_quantity.to_string()));
            let events = trader.world.events(order.id).await;
            assert_eq!(events.len(), if order.filled_quantity.is_zero() { 1 } else { 2 });
        }
    }
    filled.sort();
    let filled: Vec<&str> = filled.iter().map(|(_, shares)| &**shares).collect();
    // Equally eager: who came first, until the 75 shares are gone.
    let mut expected = vec!["2"; 37];
    expected.extend(["1", "0", "0"]);
    assert_eq!(filled, expected);
    world.sound().await;
    abroad.sound().await;
}

#[tokio::test]
async fn what_a_stale_entry_was_offered_goes_to_the_next_on_the_same_quote() {
    let world = World::own().await;
    let (first, second) = (world.trader(), world.trader());
    world.quote("10.00", "10.01", "1000");
    let closed = first.place(&buy("10").limit("9.50")).await.order.id;
    let waiting = second.place(&buy("10").limit("9.00")).await.order.id;
    world
        .restarted()
        .trading
        .cancel(&first.ctx(), closed)
        .await
        .unwrap();

    world.quote("8.99", "9.00", "10");
    world.match_aapl().await;

    assert_eq!(second.order(waiting).await.status, OrderStatus::Filled);
    world.sound().await;
}
