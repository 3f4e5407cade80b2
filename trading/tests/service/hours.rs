//! A market with opening hours.

use platform_core::Timestamp;
use time::macros::datetime;
use trading::{Calendar, Invalid, OrderStatus, PlaceError, TradingConfig};

use crate::support::{Trader, With, World, buy};

/// Friday after Thanksgiving: the session ends at 13:00 in New York.
const EARLY_CLOSE: Timestamp = datetime!(2026-11-27 18:00 UTC);
/// The first opening in daylight saving time.
const SUMMER_OPEN: Timestamp = datetime!(2026-03-09 13:30 UTC);

/// A brokerage in New York's hours at a moment, and somebody who trades.
async fn new_york(at: Timestamp) -> (World, Trader) {
    let config = TradingConfig {
        calendar: Calendar::Nyse,
        ..TradingConfig::default()
    };
    let world = World::new().await.with_config(config);
    world.clock.set(at);
    let trader = world.trader();
    (world, trader)
}

#[tokio::test]
async fn a_day_order_ends_with_the_early_close() {
    let (world, trader) = new_york(datetime!(2026-11-27 15:00 UTC)).await;
    world.quote("10.00", "10.01", "100");
    let placed = trader.place(&buy("10").limit("9.00")).await.order;
    assert_eq!(placed.expires_at, Some(EARLY_CLOSE));

    world.clock.set(EARLY_CLOSE - std::time::Duration::from_micros(1));
    assert_eq!(world.matcher.end_orders().await.unwrap(), 0);
    world.clock.set(EARLY_CLOSE);
    assert_eq!(world.matcher.end_orders().await.unwrap(), 1);

    assert_eq!(trader.order(placed.id).await.status, OrderStatus::Expired);
    world.sound().await;
}

#[tokio::test]
async fn no_order_fills_while_the_market_is_closed_however_fresh_the_quote_is() {
    let (world, trader) = new_york(EARLY_CLOSE - std::time::Duration::from_secs(1)).await;
    world.quote("10.00", "10.01", "100");
    let resting = trader.place(&buy("10").limit("9.50").until("gtc")).await.order;

    world.clock.set(EARLY_CLOSE);
    // Somebody publishes past the close all the same.
    world.quote("9.00", "9.01", "100");
    world.match_aapl().await;

    assert_eq!(trader.order(resting.id).await.filled_quantity.to_string(), "0");
    for time_in_force in ["ioc", "fok"] {
        let refused = trader.try_place(&buy("1").until(time_in_force)).await;
        assert!(
            matches!(refused, Err(PlaceError::Invalid(Invalid::MarketClosed))),
            "{refused:?}"
        );
    }
    world.sound().await;
}

#[tokio::test]
async fn an_order_of_the_weekend_of_the_change_of_clocks_fills_from_the_hour_of_summer_on() {
    let (world, trader) = new_york(datetime!(2026-03-07 12:00 UTC)).await;
    let placed = trader.place(&buy("10").limit("9.50")).await.order;
    assert_eq!(placed.expires_at, Some(datetime!(2026-03-09 20:00 UTC)));

    world.clock.set(SUMMER_OPEN - std::time::Duration::from_millis(2));
    world.quote("9.00", "9.01", "100");
    world.match_aapl().await;
    assert_eq!(trader.order(placed.id).await.filled_quantity.to_string(), "0");

    world.clock.set(SUMMER_OPEN);
    world.quote("9.00", "9.01", "100");
    assert_eq!(world.matcher.activate_orders().await.unwrap(), 1);
    world.match_aapl().await;

    assert_eq!(trader.order(placed.id).await.status, OrderStatus::Filled);
    world.sound().await;
}
