//! A database that is busy, damaged or gone, and a trail that cannot be written.

use std::time::Duration;

use crate::support::{With, World, aapl, buy};
use platform_core::pg::{Db, DbConfig, DbError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use trading::{OrderStatus, PlaceError, Placed, TradingError};

/// On two connections.
async fn small(world: &World) -> World {
    let config = DbConfig {
        acquire_timeout: Duration::from_secs(30),
        tenant_connections: Some(2),
        ..DbConfig::new(world.test.app_url()).with_max_connections(2)
    };
    let db = Db::connect(&config, world.sources.clone()).await.unwrap();
    world.with_db(db)
}

#[tokio::test]
async fn with_every_connection_taken_orders_wait_and_then_fail_without_a_trace() {
    let big = World::own().await;
    let world = small(&big).await;
    let trader = big.trader().at(&world);
    world.quote("10.00", "10.01", "1000");
    let resting = trader.place(&buy("10").limit("9.00")).await.order.id;
    let (first, second) = (
        world.db.begin(&world.system()).await.unwrap(),
        world.db.begin(&world.system()).await.unwrap(),
    );

    // Nobody waits for anything but a connection now, so that the clock of the runtime jumps to the end of the wait.
    tokio::time::pause();
    let placed = trader.send("key", &buy("1")).await;
    let cancelled = world.trading.cancel(&trader.ctx(), resting).await;
    world.quote("8.99", "9.00", "1000");
    let matched = world.matcher.match_symbol(aapl()).await;
    tokio::time::resume();

    assert!(
        matches!(
            placed,
            Err(PlaceError::Trading(TradingError::Db(DbError::Timeout(_))))
        ),
        "{placed:?}"
    );
    assert!(cancelled.is_err());
    // It has tried, and goes on with the orders of others.
    assert!(matches!(matched, Ok(1)), "{matched:?}");
    first.rollback().await.unwrap();
    second.rollback().await.unwrap();
    assert!(matches!(trader.send("key", &buy("1")).await, Ok(Placed::New(_))));
    assert_eq!(world.match_aapl().await, 1, "the order is still known");
    assert_eq!(trader.order(resting).await.status, OrderStatus::Filled);
    world.sound().await;
}

#[tokio::test]
async fn many_more_orders_than_connections_are_all_placed() {
    let world = small(&World::new().await).await;
    world.quote("10.00", "10.01", "1000");

    let sends: Vec<_> = (0..40)
        .map(|_| {
            let trader = world.trader();
            tokio::spawn(async move { trader.try_place(&buy("1")).await.unwrap() })
        })
        .collect();
    for send in sends {
        assert_eq!(send.await.unwrap().outcome().executions.len(), 1);
    }

    world.sound().await;
}

#[tokio::test]
async fn an_order_that_cannot_be_audited_is_not_placed() {
    let world = World::own().await;
    let trader = world.trader();
    trader.cash().await;
    world.quote("10.00", "10.01", "10");
    world
        .by_hand(
            "alter table platform_audit.event add constraint refused check (action <> 'order.place') not valid"
                .into(),
        )
        .await;

    let refused = trader.send("key", &buy("10")).await;

    assert!(
        matches!(refused, Err(PlaceError::Trading(TradingError::Audit(_)))),
        "{refused:?}"
    );
    for table in ["trading.orders", "trading.execution", "trading.idempotency"] {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
    assert_eq!(trader.cash().await, ("10000.00".into(), "0.00".into()));
    world
        .by_hand("alter table platform_audit.event drop constraint refused".into())
        .await;
    let placed = trader.send("key", &buy("10")).await.unwrap();
    assert_eq!(
        placed.outcome().order.status,
        OrderStatus::Filled,
        "the shares went back"
    );
    world.sound().await;
}

#[tokio::test]
async fn an_order_that_cannot_be_written_leaves_no_audit_event() {
    let world = World::own().await;
    let trader = world.trader();
    trader.cash().await;
    world.quote("10.00", "10.01", "10");
    let events = world.count("platform_audit.event").await;
    world
        .by_hand("alter table trading.execution add constraint refused check (price_e4 = 1) not valid".into())
        .await;

    let placed = trader.send("key", &buy("10")).await;
    let resting = trader.place(&buy("1").limit("9.00")).await.order.id;
    world.quote("8.99", "9.00", "10");
    world.match_aapl().await;

    assert!(placed.is_err());
    assert_eq!(trader.order(resting).await.status, OrderStatus::Submitted);
    assert_eq!(world.count("platform_audit.event").await, events + 1);
    world.sound().await;
}

#[tokio::test]
async fn a_damaged_account_does_not_stop_the_market_for_others() {
    let world = World::own().await;
    let (damaged, healthy) = (world.trader(), world.trader());
    let abroad = world.other_tenant().await;
    let foreigner = abroad.trader();
    world.quote("10.00", "10.01", "1000");
    let damaged_id = damaged.place(&buy("10").limit("9.10")).await.order.id;
    let healthy_id = healthy.place(&buy("10").limit("9.00")).await.order.id;
    let foreign_id = foreigner.place(&buy("10").limit("9.00")).await.order.id;
    world
        .by_hand(format!(
            "update trading.account set held_cents = 0 where id = (select account_id from trading.orders where id = '{damaged_id}')"
        ))
        .await;

    world.quote("8.99", "9.00", "1000");
    world.match_aapl().await;

    assert_eq!(damaged.order(damaged_id).await.status, OrderStatus::Submitted);
    assert_eq!(healthy.order(healthy_id).await.status, OrderStatus::Filled);
    assert_eq!(foreigner.order(foreign_id).await.status, OrderStatus::Filled);
    abroad.sound().await;
}

#[tokio::test]
async fn a_row_that_is_no_order_does_not_stop_the_market_for_other_tenants() {
    let world = World::own().await;
    let abroad = world.other_tenant().await;
    let (damaged, foreigner) = (world.trader(), abroad.trader());
    world.quote("10.00", "10.01", "1000");
    let damaged_id = damaged.place(&buy("10").limit("9.00")).await.order.id;
    let foreign_id = foreigner.place(&buy("10").limit("9.00")).await.order.id;
    world
        .by_hand(format!(
            "update trading.orders set limit_price_e4 = null where id = '{damaged_id}'"
        ))
        .await;

    let next = world.restarted();
    next.matcher.load().await.unwrap();
    next.quote("8.99", "9.00", "1000");
    next.match_aapl().await;

    assert_eq!(foreigner.order(foreign_id).await.status, OrderStatus::Filled);
    abroad.sound().await;
}

/// The answer to a commit may be lost with the connection; who asks again under the same key learns what became of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_sent_until_they_are_answered_are_placed_once_though_connections_die() {
    let world = World::own().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100000");
    let stop = CancellationToken::new();
    let (answered, mut seen) = watch::channel(0);
    let killer = tokio::spawn({
        let (world, stop) = (world.clone(), stop.clone());
        async move {
            let kill = "select pg_terminate_backend(pid) from pg_stat_activity
                        where usename = 'platform_app_login' and datname = current_database() and state <> 'idle'";
            while !stop.is_cancelled() {
                seen.mark_unchanged();
                if world.by_hand(kill.to_owned()).await > 0 {
                    // The next one lives until an order is answered, however slow this machine is.
                    let _ = stop.run_until_cancelled(seen.changed()).await;
                }
            }
        }
    });

    let (mut failures, mut orders) = (0, 0);
    while failures < 15 {
        let key = format!("key-{orders}");
        while trader.send(&key, &buy("1")).await.is_err() {
            failures += 1;
        }
        orders += 1;
        answered.send_replace(orders);
    }
    stop.cancel();
    killer.await.unwrap();

    assert_eq!(world.count("trading.orders").await, orders);
    assert_eq!(trader.shares().await.1, orders.to_string());
    world.sound().await;
}
