//! How many open orders an account and a tenant may have.

use std::time::Duration;

use crate::support::{Trader, With, World, buy, change_to, sell};
use trading::{Calendar, MANAGE, OrderId, OrderStatus, PlaceError, Placed, Ticket, TradingConfig, VIEW};

/// A brokerage of which an account may have three open orders.
async fn small() -> World {
    let world = World::new().await.with_config(few());
    world.quote("10.00", "10.01", "1000000");
    world
}

fn few() -> TradingConfig {
    TradingConfig {
        open_orders_per_account: 3,
        ..TradingConfig::default()
    }
}

fn resting() -> Ticket {
    buy("1").limit("9.00")
}

/// Places resting orders until the account is full.
async fn fill_up(trader: &Trader) -> Vec<OrderId> {
    let mut orders = Vec::new();
    for _ in 0..3 {
        orders.push(trader.place(&resting()).await.order.id);
    }
    orders
}

#[track_caller]
fn is_full(placed: &Result<Placed, PlaceError>) {
    assert!(matches!(placed, Err(PlaceError::TooManyOpenOrders)), "{placed:?}");
}

async fn counted(world: &World) -> i64 {
    let counts: Vec<(i64,)> = world
        .rows("select sum(open_orders)::bigint from trading.account")
        .await;
    counts[0].0
}

#[tokio::test]
async fn an_account_has_no_more_open_orders_than_it_may() {
    let world = small().await;
    let (trader, other) = (world.trader(), world.trader());
    fill_up(&trader).await;

    is_full(&trader.try_place(&resting()).await);
    is_full(&trader.try_place(&buy("1").stop("11.00")).await);
    let previewed = world.trading.preview(&trader.ctx(), &resting()).await;

    assert!(
        matches!(previewed, Err(PlaceError::TooManyOpenOrders)),
        "{previewed:?}"
    );
    assert_eq!(world.count("trading.orders").await, 3);
    assert_eq!(counted(&world).await, 3);
    other.place(&resting()).await;
    world.sound().await;
}

#[tokio::test]
async fn an_order_that_is_final_at_once_needs_no_room() {
    let world = small().await;
    let trader = world.trader();
    fill_up(&trader).await;

    trader.own_shares("5").await;
    let sold = trader.place(&sell("5")).await;
    let killed = trader.place(&resting().until("ioc")).await;
    let poor = trader.place(&buy("900000").limit("9.00")).await;

    assert_eq!(sold.order.status, OrderStatus::Filled);
    assert_eq!(killed.order.status, OrderStatus::Cancelled);
    assert_eq!(poor.order.status, OrderStatus::Rejected);
    assert_eq!(counted(&world).await, 3);
    world.sound().await;
}

#[tokio::test]
async fn every_end_of_an_order_makes_room() {
    let world = World::own().await.with_config(few());
    world.quote("10.00", "10.01", "1000000");
    let trader = world.trader();
    let admin = world.trader_with([VIEW, MANAGE]);

    let orders = fill_up(&trader).await;
    world.trading.cancel(&trader.ctx(), orders[0]).await.unwrap();
    trader.place(&buy("2").limit("9.50")).await;
    is_full(&trader.try_place(&resting()).await);

    // In part it stays open, and fills to its end on the next quote.
    world.quote("9.49", "9.50", "1");
    world.match_aapl().await;
    is_full(&trader.try_place(&resting()).await);
    world.quote("9.49", "9.50", "1");
    world.match_aapl().await;
    let replaced = trader.place(&resting()).await.order.id;
    is_full(&trader.try_place(&resting()).await);

    // A change needs no room, and one to what is filled ends the order.
    trader.replace(replaced, &change_to("2")).await.unwrap();
    assert_eq!(counted(&world).await, 3);

    world.clock.advance(Duration::from_secs(86_400));
    world.matcher.end_orders().await.unwrap();
    assert_eq!(counted(&world).await, 0);
    world.quote("10.00", "10.01", "1000000");
    fill_up(&trader).await;

    let account = world.trading.account(&trader.ctx()).await.unwrap().id;
    let reason = "case 1".parse().unwrap();
    world
        .trading
        .suspend_account_and_cancel(&admin.ctx(), account, &reason)
        .await
        .unwrap();
    assert_eq!(counted(&world).await, 0);
    world.sound().await;
}

#[tokio::test]
async fn orders_that_wait_for_the_opening_are_open() {
    let world = World::new().await.with_config(TradingConfig {
        calendar: Calendar::Nyse,
        ..few()
    });
    world.quote("10.00", "10.01", "1000");
    let trader = world.trader();
    world.clock.advance(Duration::from_secs(10 * 3_600));

    fill_up(&trader).await;

    is_full(&trader.try_place(&buy("1")).await);
    assert_eq!(counted(&world).await, 3);
}

#[tokio::test]
async fn a_key_that_was_answered_is_answered_again_and_one_that_was_refused_can_be_used() {
    let world = small().await;
    let trader = world.trader();
    let orders = fill_up(&trader).await;
    let first = world.trading.cancel(&trader.ctx(), orders[0]).await.unwrap().id;
    let placed = trader.send("key", &resting()).await.unwrap();

    let again = trader.send("key", &resting()).await.unwrap();
    let refused = trader.send("other", &resting()).await;
    world
        .trading
        .cancel(&trader.ctx(), placed.outcome().order.id)
        .await
        .unwrap();
    let later = trader.send("other", &resting()).await.unwrap();

    assert!(matches!(again, Placed::Replayed(_)), "{again:?}");
    is_full(&refused);
    assert!(matches!(later, Placed::New(_)), "{later:?}");
    assert_ne!(later.outcome().order.id, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_at_the_same_time_on_two_instances_do_not_pass_the_limit_together() {
    let world = small().await;
    let instances = [world.clone(), world.with_config(few())];
    for _ in 0..4 {
        let trader = world.trader();
        // Opened before, so that the orders are placed together.
        trader.cash().await;
        let placing: Vec<_> = (0..16)
            .map(|n: usize| {
                let trader = trader.at(&instances[n % 2]);
                tokio::spawn(async move { trader.try_place(&resting()).await })
            })
            .collect();

        let mut placed = 0;
        for task in placing {
            match task.await.unwrap() {
                Ok(_) => placed += 1,
                refused => is_full(&refused),
            }
        }

        assert_eq!(placed, 3);
    }
    assert_eq!(counted(&world).await, 12);
    world.sound().await;
}

#[tokio::test]
async fn a_count_that_is_too_low_keeps_no_order_from_its_end() {
    let world = small().await;
    let trader = world.trader();
    let orders = fill_up(&trader).await;
    world
        .by_hand(format!(
            "update trading.account set open_orders = 1 where tenant_id = '{}'",
            world.tenant
        ))
        .await;

    for order in orders {
        world.trading.cancel(&trader.ctx(), order).await.unwrap();
    }

    assert_eq!(counted(&world).await, 0);
    world.sound().await;
}

/// A brokerage whose tenants may each have twenty open orders.
fn crowded() -> TradingConfig {
    TradingConfig {
        open_orders_per_tenant: 20,
        ..TradingConfig::default()
    }
}

/// Places orders of ever new customers until there is no room: whoever counts has to catch up in between.
async fn crowd(world: &World) {
    for _ in 0..200 {
        match world.trader().try_place(&resting()).await {
            Ok(_) => {}
            Err(PlaceError::Full) if world.count("trading.orders").await == 20 => return,
            Err(PlaceError::Full) => {
                world.clock.advance(Duration::from_secs(5));
                world.quote("10.00", "10.01", "1000000");
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    panic!("{} orders were taken in", world.count("trading.orders").await);
}

#[tokio::test]
async fn the_accounts_of_a_tenant_together_have_no_more_open_orders_than_they_may() {
    let world = World::new().await.with_config(crowded());
    world.quote("10.00", "10.01", "1000000");
    let abroad = world.other_tenant().await;

    crowd(&world).await;

    let trader = world.trader();
    trader.own_shares("1").await;
    abroad.trader().place(&resting()).await;
    // Another process that has taken in nothing itself counts what there is.
    let other = world.with_config(crowded());
    let mut refused = 0;
    for _ in 0..100 {
        let one = other.trader();
        let placed = one.try_place(&resting()).await;
        if let Ok(placed) = placed {
            let order = placed.outcome().order.id;
            other.trading.cancel(&one.ctx(), order).await.unwrap();
        } else {
            assert!(matches!(placed, Err(PlaceError::Full)), "{placed:?}");
            refused += 1;
        }
        tokio::task::yield_now().await;
    }
    assert!(refused > 0);
    assert_eq!(counted(&world).await, 20);
    world.sound().await;
}

#[tokio::test]
async fn a_tenant_has_room_again_when_orders_have_ended() {
    let world = World::new().await.with_config(crowded());
    world.quote("10.00", "10.01", "1000000");
    let trader = world.trader();
    let order = trader.place(&resting()).await.order.id;
    crowd(&world).await;
    world.trading.cancel(&trader.ctx(), order).await.unwrap();

    for _ in 0..100 {
        world.clock.advance(Duration::from_secs(5));
        world.quote("10.00", "10.01", "1000000");
        match trader.try_place(&resting()).await {
            Ok(_) => return,
            Err(PlaceError::Full) => tokio::task::yield_now().await,
            Err(other) => panic!("{other:?}"),
        }
    }
    panic!("there is no room");
}
