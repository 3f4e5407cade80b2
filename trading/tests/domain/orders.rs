//! What each command does to an order.

use crate::support::{Account, aapl, cents, fill, limit, market, open, price, quantity, quote};
use trading::{Command, Event, Market, OrderStatus, Reason, Reject, Side, TimeInForce};

fn kinds(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(Event::kind).collect()
}

#[test]
fn a_market_buy_executes_at_the_ask_and_holds_nothing_afterwards() {
    let mut account = Account::with_cash("10000.00");

    let order = account
        .place(
            market(Side::Buy, "10", TimeInForce::Day),
            open(quote(1, "178.49", "178.51")),
        )
        .unwrap();

    assert_eq!(order.status, OrderStatus::Filled);
    assert_eq!(order.intake.worst_price, Some(price("187.44")));
    assert_eq!(account.executions[0].price, price("178.51"));
    assert_eq!(
        (account.cash.available, account.cash.held),
        (cents("8214.90"), cents("0"))
    );
    assert_eq!(account.position(aapl()).available, quantity("10"));
}

#[test]
fn a_market_buy_must_be_covered_at_its_worst_price() {
    let mut account = Account::with_cash("100.00");

    let order = account
        .place(
            market(Side::Buy, "1", TimeInForce::Day),
            open(quote(1, "99.00", "99.00")),
        )
        .unwrap();

    assert_eq!(
        (order.status, order.reason),
        (OrderStatus::Rejected, Some(Reason::InsufficientFunds))
    );
    let reject = Reject::InsufficientFunds {
        needed: cents("103.95"),
        available: cents("100.00"),
    };
    assert_eq!(account.events[0].reject(), Some(&reject));
    assert_eq!(account.cash.available, cents("100.00"));
}

#[test]
fn the_remainder_of_a_market_buy_never_pays_more_than_its_worst_price() {
    let mut account = Account::with_cash("10000.00");
    let market_now = Market::Open {
        quote: quote(1, "9.99", "10.00"),
        offered: quantity("4"),
    };
    let order = account
        .place(market(Side::Buy, "10", TimeInForce::Day), market_now)
        .unwrap();
    let id = order.intake.order_id;

    assert_eq!((order.status, order.hold), (OrderStatus::Partial, cents("63.00")));
    assert!(
        account
            .on(id, &fill(quote(2, "10.50", "10.51"), "100"))
            .unwrap()
            .is_empty()
    );
    account.on(id, &fill(quote(3, "10.49", "10.50"), "100")).unwrap();

    assert_eq!(account.orders[&id].status, OrderStatus::Filled);
    assert_eq!(account.cash.available, cents("9897.00"));
    assert_eq!(account.orders[&id].average_price(), Some(price("10.30")));
}

#[test]
fn a_limit_buy_fills_on_a_touch_and_returns_what_a_better_price_saves() {
    let mut account = Account::with_cash("1000.00");
    let terms = limit(Side::Buy, "10", "20.00", TimeInForce::Gtc);
    let order = account.place(terms, open(quote(1, "20.00", "20.01"))).unwrap();
    let id = order.intake.order_id;
    assert_eq!(
        (order.status, order.hold),
        (OrderStatus::Submitted, cents("200.00"))
    );

    account.on(id, &fill(quote(2, "19.99", "20.00"), "4")).unwrap();
    assert_eq!(
        (account.cash.available, account.cash.held),
        (cents("800.00"), cents("120.00"))
    );
    account.on(id, &fill(quote(3, "18.99", "19.00"), "6")).unwrap();

    assert_eq!(
        (account.cash.available, account.cash.held),
        (cents("806.00"), cents("0"))
    );
    assert_eq!(account.position(aapl()).cost, cents("194.00"));
}

#[test]
fn a_sell_needs_the_shares_and_brings_the_bid() {
    let mut account = Account::with_cash("1000.00");
    let rejected = account
        .place(
            market(Side::Sell, "1", TimeInForce::Day),
            open(quote(1, "10", "10")),
        )
        .unwrap();
    assert_eq!(rejected.reason, Some(Reason::InsufficientShares));

    account
        .place(
            market(Side::Buy, "10", TimeInForce::Day),
            open(quote(2, "9.99", "10.00")),
        )
        .unwrap();
    let resting = account
        .place(
            limit(Side::Sell, "6", "11", TimeInForce::Gtc),
            open(quote(3, "10", "10")),
        )
        .unwrap();
    assert_eq!(resting.held_shares(), quantity("6"));
    let too_many = account
        .place(
            market(Side::Sell, "5", TimeInForce::Day),
            open(quote(4, "10", "10")),
        )
        .unwrap();
    assert_eq!(too_many.reason, Some(Reason::InsufficientShares));
    account
        .on(resting.intake.order_id, &fill(quote(5, "11.50", "11.60"), "100"))
        .unwrap();

    assert_eq!(account.cash.available, cents("969.00"));
    assert_eq!(account.position(aapl()).realized, cents("9.00"));
    assert_eq!(account.position(aapl()).cost, cents("40.00"));
}

#[test]
fn an_immediate_order_never_rests() {
    let some = Market::Open {
        quote: quote(1, "10", "10"),
        offered: quantity("4"),
    };
    for (time_in_force, filled, reason, executions) in [
        (TimeInForce::Ioc, "4", Reason::IocRemainder, 1),
        (TimeInForce::Fok, "0", Reason::FokUnfilled, 0),
    ] {
        let mut account = Account::with_cash("1000.00");

        let order = account
            .place(limit(Side::Buy, "10", "10", time_in_force), some)
            .unwrap();

        assert_eq!(
            (order.status, order.reason),
            (OrderStatus::Cancelled, Some(reason))
        );
        assert_eq!((order.filled, order.hold), (quantity(filled), cents("0")));
        assert_eq!(
            (account.executions.len(), account.cash.held),
            (executions, cents("0"))
        );
    }
}

#[test]
fn a_fill_or_kill_order_that_fits_is_filled_at_once() {
    let mut account = Account::with_cash("1000.00");

    let order = account
        .place(
            limit(Side::Buy, "10", "10", TimeInForce::Fok),
            open(quote(1, "9", "10")),
        )
        .unwrap();

    assert_eq!((order.status, account.executions.len()), (OrderStatus::Filled, 1));
}

#[test]
fn a_quote_fills_an_order_once_and_an_older_one_never() {
    let mut account = Account::with_cash("1000.00");
    let order = account
        .place(
            limit(Side::Buy, "10", "10", TimeInForce::Day),
            open(quote(5, "10", "11")),
        )
        .unwrap();
    let id = order.intake.order_id;

    assert!(account.on(id, &fill(quote(4, "9", "9"), "3")).unwrap().is_empty());
    assert!(account.on(id, &fill(quote(5, "9", "9"), "3")).unwrap().is_empty());
    assert_eq!(
        kinds(&account.on(id, &fill(quote(6, "9", "9"), "3")).unwrap()),
        ["filled"]
    );
    assert!(account.on(id, &fill(quote(6, "9", "9"), "3")).unwrap().is_empty());

    assert_eq!(account.orders[&id].filled, quantity("3"));
    assert_eq!(
        account.executions[0].id.to_string(),
        "00000000-0000-0000-0000-000000000001-6"
    );
}

#[test]
fn cancelling_releases_exactly_what_is_held_and_keeps_what_was_filled() {
    let mut account = Account::with_cash("1000.00");
    let order = account
        .place(
            limit(Side::Buy, "10", "10", TimeInForce::Day),
            open(quote(1, "10", "11")),
        )
        .unwrap();
    let id = order.intake.order_id;
    account.on(id, &fill(quote(2, "9", "9.3333"), "3.3")).unwrap();

    account.on(id, &Command::Cancel).unwrap();

    let order = account.orders[&id];
    assert_eq!(
        (order.status, order.reason),
        (OrderStatus::Cancelled, Some(Reason::Requested))
    );
    assert_eq!((order.filled, order.hold), (quantity("3.3"), cents("0")));
    assert_eq!(
        (account.cash.available, account.cash.held),
        (cents("969.20"), cents("0"))
    );
}

#[test]
fn the_end_of_the_session_expires_an_open_sell_and_frees_its_shares() {
    let mut account = Account::with_cash("1000.00");
    account
        .place(
            market(Side::Buy, "10", TimeInForce::Day),
            open(quote(1, "10", "10")),
        )
        .unwrap();
    let order = account
        .place(
            limit(Side::Sell, "10", "12", TimeInForce::Day),
            open(quote(2, "10", "10")),
        )
        .unwrap();

    account.on(order.intake.order_id, &Command::Expire).unwrap();

    assert_eq!(
        account.orders[&order.intake.order_id].status,
        OrderStatus::Expired
    );
    assert_eq!(account.position(aapl()).available, quantity("10"));
    assert_eq!(account.position(aapl()).held, quantity("0"));
}

#[test]
fn an_event_is_written_out_with_its_transfers() {
    let mut account = Account::with_cash("1000.00");
    account
        .place(
            market(Side::Buy, "1", TimeInForce::Day),
            open(quote(1, "9.99", "10.00")),
        )
        .unwrap();

    let json = serde_json::to_value(&account.events).unwrap();

    assert_eq!(json[0]["event"], "accepted");
    assert_eq!(json[0]["quantity"], "1");
    assert_eq!(json[0]["transfers"][0]["debit"], "cash.available");
    assert_eq!(json[1]["execution"]["cash"], "10.00");
    let moved: Vec<_> = (0..3)
        .map(|row| json[1]["transfers"][row]["code"].clone())
        .collect();
    assert_eq!(moved, ["trade", "trade", "release"]);
}
