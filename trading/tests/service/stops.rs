//! Stops on a real database: they wait, are elected, and trade in their turn.

use crate::support::{With, World, buy, sell};
use trading::{Invalid, OrderId, OrderStatus, PlaceError};

#[tokio::test]
async fn a_stop_waits_is_elected_and_fills_on_the_quote_that_elects_it() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");

    let placed = trader.place(&buy("10").stop("11.00")).await;
    assert_eq!(placed.order.status, OrderStatus::Pending);
    assert_eq!(trader.cash().await, ("9884.50".into(), "115.50".into()));
    world.quote("10.98", "10.99", "100");
    world.match_aapl().await;
    assert_eq!(trader.order(placed.order.id).await.status, OrderStatus::Pending);
    world.quote("11.00", "11.02", "100");
    world.match_aapl().await;

    let order = trader.order(placed.order.id).await;
    assert_eq!((order.status, order.version), (OrderStatus::Filled, 3));
    assert_eq!(order.average_price.unwrap().to_string(), "11.02");
    assert_eq!(trader.cash().await, ("9889.80".into(), "0.00".into()));
    assert_eq!(
        world.actions(order.id).await,
        ["order.place", "order.trigger", "order.fill"]
    );
    let elected = &world.events(order.id).await[1];
    let quote_seq = world.board.latest(crate::support::aapl()).unwrap().seq;
    assert_eq!(elected.detail.as_ref().unwrap()["quote_seq"], quote_seq);
    assert_eq!(
        elected.changes.as_ref().unwrap()["order.status"],
        serde_json::json!({ "before": "pending", "after": "submitted" })
    );
    world.sound().await;
}

#[tokio::test]
async fn a_stop_sell_has_no_collar() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.00", "100");
    trader.own_shares("10").await;
    let id = trader.place(&sell("10").stop("9.00")).await.order.id;
    assert_eq!(trader.shares().await, ("0".into(), "10".into()));

    world.quote("1.00", "1.10", "100");
    world.match_aapl().await;

    assert_eq!(trader.order(id).await.status, OrderStatus::Filled);
    assert_eq!(trader.cash().await.0, "9910.00");
    world.sound().await;
}

#[tokio::test]
async fn the_nearest_stop_is_elected_first_and_then_the_oldest() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let mut placed = Vec::new();
    for stop in ["12.00", "11.00", "11.50", "11.00"] {
        placed.push(trader.place(&buy("1").stop(stop)).await.order.id);
    }

    world.quote("12.00", "20.00", "100");
    world.match_aapl().await;

    let elected: Vec<(OrderId,)> = world
        .rows("select order_id from trading.event where kind = 'triggered' order by seq")
        .await;
    let elected: Vec<OrderId> = elected.into_iter().map(|(id,)| id).collect();
    assert_eq!(elected, [1, 3, 2, 0].map(|index: usize| placed[index]));
}

#[tokio::test]
async fn an_elected_stop_takes_its_turn_among_the_others_of_the_same_quote() {
    let world = World::new().await;
    let (stopped, limited) = (world.trader(), world.trader());
    world.quote("10.00", "20.00", "100");
    let stop = stopped.place(&buy("10").stop("11.00")).await.order.id;
    let limit = limited.place(&buy("10").limit("12.00")).await.order.id;

    world.quote("11.00", "11.10", "15");
    world.match_aapl().await;

    assert_eq!(
        limited.order(limit).await.filled_quantity.to_string(),
        "10",
        "12.00 is before 11.55"
    );
    assert_eq!(stopped.order(stop).await.filled_quantity.to_string(), "5");
    world.sound().await;
}

#[tokio::test]
async fn a_stop_that_the_market_has_passed_is_no_order() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");

    let refused = trader.try_place(&buy("1").stop("10.00")).await;

    assert!(
        matches!(refused, Err(PlaceError::Invalid(Invalid::StopThroughMarket))),
        "{refused:?}"
    );
    assert_eq!(world.count("trading.orders").await, 0);
}

#[tokio::test]
async fn a_stop_is_elected_by_a_process_that_has_only_read_of_it() {
    let world = World::own().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let id = trader
        .place(&buy("10").stop_limit("11.00", "11.00"))
        .await
        .order
        .id;

    let next = world.restarted();
    next.matcher.load().await.unwrap();
    next.quote("11.00", "11.50", "100");
    next.match_aapl().await;
    assert_eq!(trader.order(id).await.status, OrderStatus::Submitted);
    // It stays elected when its process ends and the market goes back.
    let last = world.restarted();
    last.matcher.load().await.unwrap();
    last.quote("8.00", "8.01", "100");
    last.match_aapl().await;

    let order = trader.order(id).await;
    assert_eq!(order.status, OrderStatus::Filled);
    assert_eq!(order.average_price.unwrap().to_string(), "8.01");
    world.sound().await;
}

#[tokio::test]
async fn a_stale_quote_elects_nothing() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let id = trader.place(&buy("10").stop("11.00")).await.order.id;

    world.quote("11.00", "11.01", "100");
    world.clock.advance(std::time::Duration::from_secs(6));
    world.match_aapl().await;

    assert_eq!(trader.order(id).await.status, OrderStatus::Pending);
}

#[tokio::test]
async fn a_stop_that_waits_is_cancelled_and_its_session_ends() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let cancelled = trader.place(&buy("10").stop("11.00")).await.order.id;
    let expired = trader.place(&buy("10").stop("11.00")).await.order;

    world.trading.cancel(&trader.ctx(), cancelled).await.unwrap();
    world.clock.set(expired.expires_at.unwrap());
    world.matcher.end_orders().await.unwrap();

    assert_eq!(trader.order(cancelled).await.status, OrderStatus::Cancelled);
    assert_eq!(trader.order(expired.id).await.status, OrderStatus::Expired);
    assert_eq!(trader.cash().await, ("10000.00".into(), "0.00".into()));
    world.sound().await;
}
