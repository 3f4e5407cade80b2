//! Orders whose time ends.

use std::time::Duration;

use crate::support::{NOW, With, World, buy, sell};
use time::macros::datetime;
use trading::OrderStatus;

#[tokio::test]
async fn a_day_order_ends_at_midnight_and_gives_back_what_it_held() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "4");
    let placed = trader.place(&buy("10")).await.order;
    assert_eq!(placed.expires_at, Some(datetime!(2026-01-06 00:00 UTC)));

    world.clock.set(datetime!(2026-01-05 23:59:59.999999 UTC));
    assert_eq!(world.matcher.end_orders().await.unwrap(), 0);
    world.clock.set(datetime!(2026-01-06 00:00 UTC));
    assert_eq!(world.matcher.end_orders().await.unwrap(), 1);
    assert_eq!(world.matcher.end_orders().await.unwrap(), 0);

    let order = trader.order(placed.id).await;
    assert_eq!(order.status, OrderStatus::Expired);
    assert_eq!(order.filled_quantity.to_string(), "4");
    assert_eq!(trader.cash().await, ("9959.96".into(), "0.00".into()));
    assert_eq!(world.actions(placed.id).await, ["order.place", "order.expire"]);
    world.sound().await;
}

#[tokio::test]
async fn a_sell_that_expires_gives_its_shares_back() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    trader.own_shares("10").await;
    let id = trader.place(&sell("10").limit("20.00")).await.order.id;

    world.clock.set(datetime!(2026-01-06 00:00 UTC));
    world.matcher.end_orders().await.unwrap();

    assert_eq!(trader.order(id).await.status, OrderStatus::Expired);
    assert_eq!(trader.shares().await, ("10".into(), "10".into()));
    world.sound().await;
}

#[tokio::test]
async fn an_order_until_cancelled_ends_with_the_session_ninety_days_on() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let placed = trader.place(&buy("10").limit("9.00").until("gtc")).await.order;
    assert_eq!(placed.expires_at, Some(datetime!(2026-04-06 00:00 UTC)));

    world.clock.set(datetime!(2026-04-05 23:00 UTC));
    assert_eq!(world.matcher.end_orders().await.unwrap(), 0);
    world.clock.set(datetime!(2026-04-06 00:00 UTC));
    world.matcher.end_orders().await.unwrap();

    assert_eq!(trader.order(placed.id).await.status, OrderStatus::Expired);
    world.sound().await;
}

#[tokio::test]
async fn an_order_whose_time_is_over_does_not_fill_any_more() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let id = trader.place(&buy("10").limit("9.00")).await.order.id;

    world.clock.set(NOW + Duration::from_secs(86_400));
    world.quote("8.00", "8.01", "100");
    world.match_aapl().await;

    assert_eq!(trader.order(id).await.status, OrderStatus::Expired);
    world.sound().await;
}

#[tokio::test]
async fn an_immediate_order_has_no_end() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");

    let placed = trader.place(&buy("200").until("ioc")).await.order;

    assert_eq!(placed.expires_at, None);
    assert_eq!(placed.status, OrderStatus::Cancelled);
}
