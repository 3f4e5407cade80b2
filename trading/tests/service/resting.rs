//! Orders that rest until a newer quote is good enough.

use crate::support::{With, World, buy, sell};
use trading::{OrderStatus, PlaceError, TradingConfig};

#[tokio::test]
async fn what_the_first_quote_did_not_fill_the_next_ones_do() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "4");
    let id = trader.place(&buy("10")).await.order.id;

    assert_eq!(world.match_aapl().await, 0, "the quote it has met");
    world.quote("10.02", "10.03", "4");
    assert_eq!(world.match_aapl().await, 1);
    world.quote("10.04", "10.05", "4");
    assert_eq!(world.match_aapl().await, 1);

    let order = trader.order(id).await;
    assert_eq!(order.status, OrderStatus::Filled);
    assert_eq!(order.version, 3);
    let fills = world
        .trading
        .executions(&trader.ctx(), id, (None, 10))
        .await
        .unwrap()
        .unwrap();
    let fills: Vec<String> = fills
        .iter()
        .map(|fill| format!("{} at {}", fill.quantity, fill.price))
        .collect();
    assert_eq!(fills, ["4 at 10.01", "4 at 10.03", "2 at 10.05"]);
    assert_eq!(
        world.actions(id).await,
        ["order.place", "order.fill", "order.fill"]
    );
    assert_eq!(trader.cash().await.1, "0.00");
    world.sound().await;
}

#[tokio::test]
async fn a_market_buy_never_pays_more_than_its_collar() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.00", "4");
    let id = trader.place(&buy("10")).await.order.id;

    world.quote("10.51", "10.51", "100");
    assert_eq!(world.match_aapl().await, 0);
    world.quote("10.50", "10.50", "100");
    assert_eq!(world.match_aapl().await, 1);

    assert_eq!(trader.order(id).await.status, OrderStatus::Filled);
    world.sound().await;
}

#[tokio::test]
async fn a_resting_limit_buy_fills_at_the_better_price_and_gives_the_difference_back() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("178.49", "178.51", "100");
    let id = trader.place(&buy("10").limit("170.00")).await.order.id;

    world.quote("159.99", "160.00", "100");
    world.match_aapl().await;

    let order = trader.order(id).await;
    assert_eq!(order.average_price.unwrap().to_string(), "160.00");
    assert_eq!(trader.cash().await, ("8400.00".into(), "0.00".into()));
    world.sound().await;
}

#[tokio::test]
async fn a_resting_limit_sell_fills_when_the_bid_comes_up() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("178.49", "178.51", "100");
    trader.own_shares("10").await;
    let id = trader.place(&sell("10").limit("190.00")).await.order.id;

    world.quote("191.00", "191.02", "6");
    world.match_aapl().await;
    assert_eq!(trader.shares().await, ("0".into(), "4".into()));
    world.quote("190.00", "190.02", "6");
    world.match_aapl().await;

    let order = trader.order(id).await;
    assert_eq!(order.status, OrderStatus::Filled);
    assert_eq!(order.average_price.unwrap().to_string(), "190.60");
    assert_eq!(trader.cash().await.0, "10120.90");
    world.sound().await;
}

#[tokio::test]
async fn the_most_eager_order_comes_first_and_then_the_oldest() {
    let world = World::new().await;
    let (low, early, late) = (world.trader(), world.trader(), world.trader());
    world.quote("10.00", "10.10", "100");
    let low_id = low.place(&buy("10").limit("9.00")).await.order.id;
    let early_id = early.place(&buy("10").limit("9.50")).await.order.id;
    let late_id = late.place(&buy("10").limit("9.50")).await.order.id;

    world.quote("8.99", "9.00", "15");
    world.match_aapl().await;

    assert_eq!(early.order(early_id).await.filled_quantity.to_string(), "10");
    assert_eq!(late.order(late_id).await.filled_quantity.to_string(), "5");
    assert_eq!(low.order(low_id).await.filled_quantity.to_string(), "0");
    world.sound().await;
}

#[tokio::test]
async fn an_order_does_not_fill_on_a_stale_quote() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let id = trader.place(&buy("10").limit("9.00")).await.order.id;

    world.quote("8.99", "9.00", "100");
    world.clock.advance(std::time::Duration::from_secs(6));
    world.match_aapl().await;

    assert_eq!(trader.order(id).await.status, OrderStatus::Submitted);
    world.sound().await;
}

#[tokio::test]
async fn a_limit_order_waits_where_there_is_no_quote_yet() {
    let world = World::new().await;
    let trader = world.trader();
    let placed = trader.place(&buy("10").limit("9.00")).await;
    assert_eq!(placed.order.status, OrderStatus::Submitted);

    world.quote("8.99", "9.00", "100");
    world.match_aapl().await;

    assert_eq!(trader.order(placed.order.id).await.status, OrderStatus::Filled);
    world.sound().await;
}

#[tokio::test]
async fn a_cancelled_order_gives_back_what_it_held_and_never_fills() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "4");
    let id = trader.place(&buy("10")).await.order.id;

    world.tick();
    let cancelled = world.trading.cancel(&trader.ctx(), id).await.unwrap();
    world.quote("9.00", "9.01", "100");
    world.match_aapl().await;

    assert_eq!(cancelled.status, OrderStatus::Cancelled);
    assert_eq!(cancelled.filled_quantity.to_string(), "4");
    assert_eq!(trader.cash().await, ("9959.96".into(), "0.00".into()));
    assert_eq!(trader.order(id).await, cancelled);
    assert_eq!(world.actions(id).await, ["order.place", "order.cancel"]);
    world.sound().await;
}

#[tokio::test]
async fn cancelling_a_sell_makes_its_shares_available_again() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    trader.own_shares("10").await;
    let id = trader.place(&sell("8").limit("20.00")).await.order.id;
    assert_eq!(trader.shares().await, ("2".into(), "10".into()));

    world.trading.cancel(&trader.ctx(), id).await.unwrap();

    assert_eq!(trader.shares().await, ("10".into(), "10".into()));
    world.sound().await;
}

#[tokio::test]
async fn a_final_order_cannot_be_cancelled() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let id = trader.place(&buy("10")).await.order.id;
    world.tick();

    let refused = world.trading.cancel(&trader.ctx(), id).await;

    match refused {
        Err(trading::CancelError::Closed(order)) => assert_eq!(order.status, OrderStatus::Filled),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.actions(id).await, ["order.place", "order.cancel"]);
    world.sound().await;
}

fn for_two() -> TradingConfig {
    TradingConfig {
        open_orders_max: 2,
        ..TradingConfig::default()
    }
}

#[tokio::test]
async fn an_order_that_the_matcher_has_no_place_for_is_refused_unless_it_ends_at_once() {
    let world = World::own().await.with_config(for_two());
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    for _ in 0..2 {
        trader.place(&buy("1").limit("9.00")).await;
    }

    let refused = trader.try_place(&buy("1").limit("9.00")).await;
    assert!(matches!(refused, Err(PlaceError::Full)), "{refused:?}");
    assert_eq!(trader.place(&buy("1")).await.order.status, OrderStatus::Filled);

    world.quote("8.99", "9.00", "100");
    assert_eq!(world.match_aapl().await, 2);
    trader.place(&buy("1").limit("8.00")).await;
    world.sound().await;
}

#[tokio::test]
async fn orders_beyond_what_the_matcher_keeps_wait_for_a_place() {
    let world = World::own().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let mut orders = Vec::new();
    for _ in 0..3 {
        orders.push(trader.place(&buy("1").limit("9.00")).await.order.id);
    }
    let small = world.instance(for_two());
    small.quote("8.99", "9.00", "100");

    small.matcher.load().await.unwrap();
    assert_eq!(small.match_aapl().await, 2);
    assert_eq!(small.match_aapl().await, 0);
    small.matcher.load().await.unwrap();
    assert_eq!(small.match_aapl().await, 1);

    for id in orders {
        assert_eq!(trader.order(id).await.status, OrderStatus::Filled);
    }
    world.sound().await;
}
