//! Mistakes that brokerages have been seen to make, one test for each.

use crate::support::{
    Account, aapl, cents, elect, fill, limit, market, open, price, quantity, quote, stop_limit,
};
use trading::{Command, OrderStatus, Price, Quantity, Side, Ticket, TimeInForce};

/// Refunding at the current price instead of what was held makes or loses money with every cancellation.
#[test]
fn a_cancellation_refunds_what_was_held_and_not_what_the_market_says() {
    let mut account = Account::with_cash("1000.00");
    let id = account
        .place(
            limit(Side::Buy, "10", "10.00", TimeInForce::Day),
            open(quote(1, "20", "20")),
        )
        .unwrap()
        .intake
        .order_id;
    account.on(id, &fill(quote(2, "9.99", "10.00"), "4")).unwrap();
    for moved in [quote(3, "50", "50"), quote(4, "500", "500")] {
        assert!(account.on(id, &fill(moved, "100")).unwrap().is_empty());
    }

    account.on(id, &Command::Cancel).unwrap();

    assert_eq!(account.cash.available, cents("960.00"));
    assert_eq!(account.cash.held, cents("0.00"));
}

#[test]
fn a_price_is_never_negative_or_zero() {
    for text in ["-1", "-0.0001", "0", "0.0000", "-0"] {
        assert!(text.parse::<Price>().is_err(), "{text}");
    }
    assert!(Price::from_e4(-1).is_err());
}

/// `NaN` is above every number for PostgreSQL and not below any for a float: a check of "more than zero" lets it pass.
#[test]
fn a_quantity_is_a_number() {
    for text in [
        "NaN", "nan", "inf", "Infinity", "-inf", "1e400", "0x10", "\u{ff11}", "1_000", "",
    ] {
        assert!(text.parse::<Quantity>().is_err(), "{text:?}");
        let ticket =
            format!(r#"{{ "symbol": "AAPL", "side": "buy", "order_type": "market", "quantity": "{text}" }}"#);
        let ticket: Ticket = serde_json::from_str(&ticket).unwrap();
        assert_eq!(
            ticket.validate().unwrap_err()[0].problem.code(),
            "malformed_number",
            "{text:?}"
        );
    }
    assert!(serde_json::from_str::<Ticket>(r#"{ "quantity": NaN }"#).is_err());
}

/// A stop-limit whose limit is tested before its stop, or whose election is forgotten, never fires.
#[test]
fn a_stop_limit_fires() {
    let mut account = Account::with_cash("1000.00");
    let terms = stop_limit(Side::Buy, "10", ("11.00", "11.50"));
    let id = account
        .place(terms, open(quote(1, "9.99", "10.00")))
        .unwrap()
        .intake
        .order_id;
    // The ask is within the limit all the time; the stop has not been reached.
    for seq in 2..5 {
        let below = quote(seq, "10.50", "10.60");
        assert!(account.on(id, &elect(below)).unwrap().is_empty());
        assert!(account.on(id, &fill(below, "100")).unwrap().is_empty());
    }

    let reached = quote(5, "11.00", "11.10");
    account.on(id, &elect(reached)).unwrap();
    account.on(id, &fill(reached, "100")).unwrap();

    assert_eq!(account.orders[&id].status, OrderStatus::Filled);
    assert_eq!(account.executions[0].price, price("11.10"));
}

/// A time in force that is taken and then not looked at leaves immediate orders in the book.
#[test]
fn no_time_in_force_is_ignored() {
    for (time_in_force, status, filled) in [
        (TimeInForce::Day, OrderStatus::Partial, "4"),
        (TimeInForce::Gtc, OrderStatus::Partial, "4"),
        (TimeInForce::Ioc, OrderStatus::Cancelled, "4"),
        (TimeInForce::Fok, OrderStatus::Cancelled, "0"),
    ] {
        let mut account = Account::with_cash("1000.00");
        let some = trading::Market::Open {
            quote: quote(1, "10", "10"),
            offered: quantity("4"),
        };

        let order = account
            .place(market(Side::Buy, "10", time_in_force), some)
            .unwrap();

        assert_eq!(
            (order.status, order.filled),
            (status, quantity(filled)),
            "{time_in_force}"
        );
    }
}

/// 0.1 + 0.2 of a float is 0.30000000000000004: after a thousand orders cents are missing.
#[test]
fn money_is_not_a_float() {
    let mut account = Account::with_cash("1000.00");
    for seq in 0..1_000 {
        let now = open(quote(2 * seq + 1, "0.10", "0.10"));
        account
            .place(market(Side::Buy, "1", TimeInForce::Day), now)
            .unwrap();
        let then = open(quote(2 * seq + 2, "0.30", "0.30"));
        account
            .place(market(Side::Sell, "1", TimeInForce::Day), then)
            .unwrap();
    }

    assert_eq!(account.cash.available, cents("1200.00"));
    assert_eq!(account.position(aapl()).realized, cents("200.00"));
    let exact: Quantity = serde_json::from_str::<Ticket>(r#"{ "quantity": 0.3 }"#)
        .unwrap()
        .quantity
        .unwrap()
        .as_str()
        .parse()
        .unwrap();
    assert_eq!(exact, quantity("0.1").checked_add(quantity("0.2")).unwrap());
}
