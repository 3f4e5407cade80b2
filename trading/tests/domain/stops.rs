//! Stops: when they are elected, and what becomes of them then.

use crate::support::{
    Account, aapl, cents, elect, fill, market, open, price, printed, quantity, quote, stop, stop_limit,
};
use trading::{Command, Event, Market, Order, OrderStatus, Rules, Side, TimeInForce, Trigger};

fn trigger(trigger: Trigger) -> Account {
    let rules = Rules {
        trigger,
        ..Rules::default()
    };
    Account::new(cents("10000.00"), rules)
}

/// An account with 100 shares, bought at 10.00 on the first quote.
fn owner() -> Account {
    let mut account = Account::with_cash("10000.00");
    account
        .place(
            market(Side::Buy, "100", TimeInForce::Day),
            open(quote(1, "9.99", "10.00")),
        )
        .unwrap();
    account
}

fn on(account: &mut Account, order: &Order, command: &Command) -> Vec<&'static str> {
    let events = account.on(order.intake.order_id, command).unwrap();
    events.iter().map(Event::kind).collect()
}

#[test]
fn a_stop_buy_waits_and_holds_what_it_may_cost_above_its_stop() {
    let mut account = Account::with_cash("10000.00");

    let order = account
        .place(stop(Side::Buy, "10", "20.01"), open(quote(1, "19.00", "19.02")))
        .unwrap();

    assert_eq!(order.status, OrderStatus::Pending);
    assert_eq!(order.intake.worst_price, Some(price("21.02")), "21.0105, up");
    assert_eq!(
        (order.hold, account.cash.held),
        (cents("210.20"), cents("210.20"))
    );
    assert!(account.executions.is_empty());
}

#[test]
fn a_stop_limit_buy_holds_its_limit_and_a_stop_sell_its_shares() {
    let mut account = owner();
    let terms = stop_limit(Side::Buy, "10", ("11", "10.50"));
    let buy = account.place(terms, open(quote(2, "10", "10"))).unwrap();
    let sell = account
        .place(stop(Side::Sell, "60", "9"), open(quote(2, "10", "10")))
        .unwrap();

    assert_eq!(buy.hold, cents("105.00"));
    assert_eq!((sell.hold, sell.intake.worst_price), (cents("0"), None));
    assert_eq!(account.position(aapl()).available, quantity("40"));
    assert_eq!(account.position(aapl()).held, quantity("60"));
}

#[test]
fn a_stop_is_elected_at_its_price_and_beyond_by_the_last_trade() {
    for (side, at, last, elected) in [
        (Side::Buy, "11", "10.99", false),
        (Side::Buy, "11", "11", true),
        (Side::Buy, "11", "11.01", true),
        (Side::Sell, "9", "9.01", false),
        (Side::Sell, "9", "9", true),
        (Side::Sell, "9", "8.99", true),
    ] {
        let mut account = owner();
        let order = account
            .place(stop(side, "10", at), open(quote(2, "9.99", "10")))
            .unwrap();

        let moved = printed(quote(3, "8", "12"), last);
        let events = on(&mut account, &order, &elect(moved));

        let expected: &[&str] = if elected { &["triggered"] } else { &[] };
        assert_eq!(events, expected, "{side} {at} {last}");
        let order = account.orders[&order.intake.order_id];
        assert_eq!(order.elected_quote_seq, elected.then_some(3));
        assert_eq!(order.status == OrderStatus::Submitted, elected);
    }
}

#[test]
fn a_print_outside_the_bid_and_ask_of_its_quote_elects_nothing() {
    let mut account = owner();
    let buy = account
        .place(stop(Side::Buy, "10", "11"), open(quote(2, "10", "10")))
        .unwrap();
    let sell = account
        .place(stop(Side::Sell, "10", "9"), open(quote(2, "10", "10")))
        .unwrap();

    let above = printed(quote(3, "9.90", "10.10"), "12");
    let below = printed(quote(4, "9.90", "10.10"), "8");

    assert!(on(&mut account, &buy, &elect(above)).is_empty());
    assert!(on(&mut account, &sell, &elect(below)).is_empty());
    // Such a print does not keep a stop from being placed either.
    let placed = account.place(
        stop(Side::Buy, "1", "11"),
        open(printed(quote(5, "9.90", "10.10"), "12")),
    );
    assert_eq!(placed.unwrap().status, OrderStatus::Pending);
}

#[test]
fn by_the_quote_a_stop_is_elected_by_the_side_it_will_trade_against() {
    for (side, at, bid, ask, elected) in [
        (Side::Buy, "11", "10", "10.99", false),
        (Side::Buy, "11", "10", "11", true),
        (Side::Sell, "9", "9.01", "12", false),
        (Side::Sell, "9", "9", "12", true),
    ] {
        let mut account = trigger(Trigger::Quote);
        account
            .place(
                market(Side::Buy, "100", TimeInForce::Day),
                open(quote(1, "10", "10")),
            )
            .unwrap();
        let order = account
            .place(stop(side, "10", at), open(quote(2, "10", "10")))
            .unwrap();

        // The last trade would elect none of them.
        let events = on(&mut account, &order, &elect(printed(quote(3, bid, ask), "10.5")));

        assert_eq!(!events.is_empty(), elected, "{side} {at} {bid} {ask}");
    }
}

#[test]
fn a_stop_that_the_market_has_passed_is_refused() {
    let mut account = owner();
    for terms in [
        stop(Side::Buy, "1", "9.99"),
        stop(Side::Sell, "1", "10"),
        stop_limit(Side::Buy, "1", ("9", "20")),
        stop_limit(Side::Sell, "1", ("11", "1")),
    ] {
        let refused = account.place(terms, open(quote(2, "10", "10"))).unwrap_err();
        assert_eq!(refused.code(), "stop_through_market", "{terms:?}");
    }
    assert_eq!(account.orders.len(), 1, "nothing was recorded");
}

#[test]
fn a_stop_waits_where_no_quote_may_be_traded_on() {
    let mut account = owner();
    let order = account
        .place(stop(Side::Buy, "1", "9"), Market::Unusable { seq: 5 })
        .unwrap();

    assert_eq!((order.status, order.last_quote_seq), (OrderStatus::Pending, 5));
    assert!(
        on(&mut account, &order, &elect(quote(5, "10", "10"))).is_empty(),
        "not newer"
    );
    assert_eq!(
        on(&mut account, &order, &elect(quote(6, "10", "10"))),
        ["triggered"]
    );
}

#[test]
fn an_elected_stop_meets_the_quote_that_elected_it_and_none_from_before() {
    let mut account = owner();
    let order = account
        .place(stop(Side::Buy, "10", "11"), open(quote(2, "10", "10")))
        .unwrap();

    assert!(
        on(&mut account, &order, &fill(quote(5, "11", "11"), "100")).is_empty(),
        "it waits"
    );
    assert_eq!(
        on(&mut account, &order, &elect(quote(5, "11", "11.02"))),
        ["triggered"]
    );
    assert!(on(&mut account, &order, &fill(quote(4, "10", "10"), "100")).is_empty());
    assert_eq!(
        on(&mut account, &order, &fill(quote(5, "11", "11.02"), "100")),
        ["filled"]
    );

    let order = account.orders[&order.intake.order_id];
    assert_eq!((order.status, order.hold), (OrderStatus::Filled, cents("0")));
    assert_eq!(account.executions[1].price, price("11.02"));
}

#[test]
fn an_elected_stop_buy_is_a_limit_at_its_worst_price() {
    let mut account = owner();
    let order = account
        .place(stop(Side::Buy, "10", "20"), open(quote(2, "10", "10")))
        .unwrap();
    let gap = quote(3, "22", "22.01");
    on(&mut account, &order, &elect(gap));

    assert!(
        on(&mut account, &order, &fill(gap, "100")).is_empty(),
        "21.00 is the most"
    );
    assert!(on(&mut account, &order, &elect(gap)).is_empty(), "elected once");
    assert_eq!(
        on(&mut account, &order, &fill(quote(4, "20.99", "21.00"), "100")),
        ["filled"]
    );
}

#[test]
fn an_elected_stop_sell_takes_any_bid() {
    let mut account = owner();
    let order = account
        .place(stop(Side::Sell, "100", "9"), open(quote(2, "10", "10")))
        .unwrap();
    let crash = quote(3, "0.50", "0.60");
    on(&mut account, &order, &elect(crash));

    assert_eq!(on(&mut account, &order, &fill(crash, "100")), ["filled"]);
    assert_eq!(
        account.position(aapl()).realized,
        trading::Cents::from_cents(-95_000).unwrap()
    );
}

#[test]
fn a_stop_limit_stays_elected_when_the_market_goes_back() {
    let mut account = owner();
    let terms = stop_limit(Side::Buy, "10", ("11", "11.10"));
    let order = account.place(terms, open(quote(2, "10", "10"))).unwrap();
    let through = quote(3, "11.20", "11.30");
    on(&mut account, &order, &elect(through));
    assert!(
        on(&mut account, &order, &fill(through, "100")).is_empty(),
        "beyond its limit"
    );

    let events = on(&mut account, &order, &fill(quote(4, "9.00", "9.10"), "100"));

    assert_eq!(events, ["filled"], "below its stop, and within its limit");
}

#[test]
fn a_stop_order_that_waits_is_cancelled_and_expires_like_any_other() {
    for command in [Command::Cancel, Command::Expire] {
        let mut account = owner();
        let before = (account.cash, account.position(aapl()));
        let order = account
            .place(stop(Side::Sell, "100", "9"), open(quote(2, "10", "10")))
            .unwrap();

        account.on(order.intake.order_id, &command).unwrap();

        assert!(account.orders[&order.intake.order_id].status.is_terminal());
        assert_eq!((account.cash, account.position(aapl())), before);
    }
}

#[test]
fn an_order_above_the_limit_of_one_order_is_none_with_a_stop_either() {
    let mut account = owner();
    for terms in [
        stop(Side::Buy, "99999999", "11"),
        stop(Side::Sell, "99999999", "10.50"),
    ] {
        // The sell's market is above it: what counts is what it may bring.
        let refused = account
            .place(terms, open(quote(2, "10.60", "10.60")))
            .unwrap_err();
        assert_eq!(refused.code(), "notional_too_large");
    }
}
