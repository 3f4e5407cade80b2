//! Every type of order with every time in force, in every market.

use crate::support::{Account, aapl, open, price, quantity, quote};
use trading::{Market, OrderTerms, Pricing, Side, TimeInForce};

fn terms(side: Side, pricing: Pricing, time_in_force: TimeInForce) -> Result<OrderTerms, &'static str> {
    OrderTerms::market(aapl(), side, quantity("1"))
        .and_then(|terms| terms.with(pricing, time_in_force))
        .map_err(|error| error.problem.code())
}

fn outcome(side: Side, pricing: Pricing, time_in_force: TimeInForce, now: Market) -> &'static str {
    let mut account = Account::with_cash("1000.00");
    let bought = OrderTerms::market(aapl(), Side::Buy, quantity("10")).unwrap();
    account.place(bought, open(quote(1, "10", "10"))).unwrap();
    let terms = match terms(side, pricing, time_in_force) {
        Ok(terms) => terms,
        Err(code) => return code,
    };
    match account.place(terms, now) {
        Ok(order) => order.status.as_str(),
        Err(refused) => refused.code(),
    }
}

#[test]
fn type_and_time_in_force_go_together_as_the_table_says() {
    let quote = quote(2, "10", "10");
    let markets = [
        open(quote),
        Market::Unusable { seq: 2 },
        Market::Closed { newest: Some(quote) },
    ];
    // For day, gtc, ioc and fok: what becomes of the order in an open, an unusable and a closed market.
    let table = [
        (
            "market",
            [
                "filled stale_quote pending",
                "filled stale_quote pending",
                "filled stale_quote market_closed",
                "filled stale_quote market_closed",
            ],
        ),
        (
            "limit",
            [
                "filled submitted pending",
                "filled submitted pending",
                "filled stale_quote market_closed",
                "filled stale_quote market_closed",
            ],
        ),
        (
            "stop",
            [
                "pending pending pending",
                "pending pending pending",
                "unsupported_time_in_force unsupported_time_in_force unsupported_time_in_force",
                "unsupported_time_in_force unsupported_time_in_force unsupported_time_in_force",
            ],
        ),
        (
            "stop_limit",
            [
                "pending pending pending",
                "pending pending pending",
                "unsupported_time_in_force unsupported_time_in_force unsupported_time_in_force",
                "unsupported_time_in_force unsupported_time_in_force unsupported_time_in_force",
            ],
        ),
    ];
    for side in [Side::Buy, Side::Sell] {
        let (stop, limit) = match side {
            Side::Buy => (price("11"), price("10")),
            Side::Sell => (price("9"), price("10")),
        };
        for (order_type, rows) in table {
            let pricing = match order_type {
                "market" => Pricing::Market,
                "limit" => Pricing::Limit { limit },
                "stop" => Pricing::Stop { stop },
                _ => Pricing::StopLimit { stop, limit },
            };
            assert_eq!(pricing.order_type().as_str(), order_type);
            for (time_in_force, row) in TimeInForce::ALL.iter().zip(rows) {
                for (now, expected) in markets.into_iter().zip(row.split(' ')) {
                    let found = outcome(side, pricing, *time_in_force, now);
                    assert_eq!(found, expected, "{side} {order_type} {time_in_force} {now:?}");
                }
            }
        }
    }
}
