//! Which order comes first.

use crate::support::{order_id, price};
use platform_core::Timestamp;
use std::time::Duration;
use trading::{Priority, Side};

fn since(second: u64, number: usize) -> (Timestamp, trading::OrderId) {
    (
        Timestamp::UNIX_EPOCH + Duration::from_secs(second),
        order_id(number),
    )
}

fn numbers(mut places: Vec<Priority>) -> Vec<trading::OrderId> {
    places.sort();
    places.iter().map(Priority::id).collect()
}

#[test]
fn the_buy_that_pays_most_and_the_sell_that_takes_least_come_first() {
    let buys = vec![
        Priority::to_fill(Side::Buy, Some(price("10")), since(1, 1)),
        Priority::to_fill(Side::Buy, Some(price("11")), since(2, 2)),
    ];
    let sells = vec![
        Priority::to_fill(Side::Sell, Some(price("11")), since(1, 1)),
        Priority::to_fill(Side::Sell, Some(price("10")), since(2, 2)),
        Priority::to_fill(Side::Sell, None, since(3, 3)),
    ];

    assert_eq!(numbers(buys), [2, 1].map(order_id));
    assert_eq!(numbers(sells), [3, 2, 1].map(order_id));
}

#[test]
fn among_equal_prices_the_longest_wait_comes_first_and_then_the_oldest_order() {
    let at = |second, number| Priority::to_fill(Side::Buy, Some(price("10")), since(second, number));

    assert_eq!(
        numbers(vec![at(5, 1), at(2, 4), at(2, 3)]),
        [3, 4, 1].map(order_id)
    );
}

#[test]
fn the_stop_that_the_market_reaches_first_is_elected_first() {
    let stop = |side, at: &str, number| Priority::to_elect(side, price(at), since(1, number));

    let buys = vec![stop(Side::Buy, "12", 1), stop(Side::Buy, "11", 2)];
    let sells = vec![stop(Side::Sell, "8", 1), stop(Side::Sell, "9", 2)];

    assert_eq!(numbers(buys), [2, 1].map(order_id));
    assert_eq!(numbers(sells), [2, 1].map(order_id));
}
