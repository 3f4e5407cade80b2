//! Commands and events that are refused, and nothing changes.

use crate::support::{Account, aapl, fill, limit, market, open, quantity, quote};
use trading::{
    AccountState, ApplyError, Command, Invalid, Market, OrderStatus, Position, Reason, Rules, Side, Step,
    TimeInForce, apply, decide,
};

#[test]
fn a_final_order_is_closed_to_commands_and_deaf_to_quotes() {
    let mut account = Account::with_cash("1000.00");
    let order = account
        .place(
            market(Side::Buy, "1", TimeInForce::Day),
            open(quote(1, "10", "10")),
        )
        .unwrap();
    let id = order.intake.order_id;

    let closed = Invalid::OrderClosed {
        status: OrderStatus::Filled,
    };
    assert_eq!(closed.code(), "order_filled");
    assert_eq!(account.on(id, &Command::Cancel), Err(closed.clone()));
    assert_eq!(account.on(id, &Command::Expire), Err(closed));
    assert_eq!(account.on(id, &fill(quote(2, "1", "1"), "1")), Ok(Vec::new()));
}

#[test]
fn without_a_usable_quote_only_orders_that_can_wait_are_taken() {
    let stale = Market::Unusable { seq: 9 };
    let mut account = Account::with_cash("1000.00");

    for terms in [
        market(Side::Buy, "1", TimeInForce::Day),
        market(Side::Sell, "1", TimeInForce::Gtc),
        limit(Side::Buy, "1", "10", TimeInForce::Ioc),
        limit(Side::Buy, "1", "10", TimeInForce::Fok),
    ] {
        let refused = account.place(terms, stale).unwrap_err();
        assert_eq!(refused.code(), "stale_quote");
    }
    let order = account
        .place(limit(Side::Buy, "1", "10", TimeInForce::Day), stale)
        .unwrap();

    assert_eq!(
        (order.status, order.intake.quote_seq),
        (OrderStatus::Submitted, 9)
    );
}

#[test]
fn an_order_above_the_limit_of_one_order_is_no_order() {
    let mut account = Account::with_cash("9000000000.00");
    let at = |shares: &str| limit(Side::Buy, shares, "1000", TimeInForce::Day);

    assert_eq!(
        account
            .place(at("1000000"), open(quote(1, "1", "2000")))
            .unwrap()
            .status,
        OrderStatus::Submitted
    );
    let refused = account
        .place(at("1000000.000001"), open(quote(1, "1", "2000")))
        .unwrap_err();
    assert_eq!(refused.code(), "notional_too_large");
    let dear_bid = open(quote(1, "1000000", "1000000"));
    let refused = account
        .place(limit(Side::Sell, "10000", "1", TimeInForce::Day), dear_bid)
        .unwrap_err();
    assert_eq!(refused, Invalid::NotionalTooLarge);
}

#[test]
fn a_position_that_would_pass_the_largest_quantity_is_refused() {
    let mut account = Account::with_cash("9000000.00");
    let cheap = |seq| Market::Open {
        quote: quote(seq, "0.01", "0.01"),
        offered: quantity("99999999"),
    };
    account
        .place(limit(Side::Buy, "99999999", "0.01", TimeInForce::Day), cheap(1))
        .unwrap();

    let order = account
        .place(limit(Side::Buy, "1", "0.01", TimeInForce::Day), cheap(2))
        .unwrap();

    assert_eq!(order.reason, Some(Reason::PositionLimit));
}

#[test]
fn an_event_about_other_rows_is_not_applied() {
    let mut account = Account::with_cash("1000.00");
    let terms = limit(Side::Buy, "10", "10", TimeInForce::Day);
    let order = account.place(terms, open(quote(1, "10", "11"))).unwrap();
    let state = AccountState::with_order(account.cash, account.position(aapl()), order);
    let place = Command::Place {
        order_id: order.intake.order_id,
        terms,
        market: open(quote(2, "9", "9")),
    };

    assert!(matches!(
        decide(&Rules::default(), &state, &place),
        Err(Invalid::State(_))
    ));
    let mut other = state;
    other.position.symbol = "MSFT".parse().unwrap();
    let cancel = decide(&Rules::default(), &state, &Command::Cancel).unwrap();
    assert!(apply(&other, &cancel[0]).is_err());
    assert!(apply(&AccountState { order: None, ..state }, &cancel[0]).is_err());
    let after = apply(&state, &cancel[0]).unwrap();
    let again = trading::transition(Some(OrderStatus::Cancelled), Step::Cancel).unwrap_err();
    assert_eq!(apply(&after, &cancel[0]), Err(again.into()));
}

#[test]
fn an_execution_of_shares_that_are_not_there_is_not_applied() {
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
    let state = AccountState::with_order(account.cash, account.position(aapl()), order);
    let events = decide(&Rules::default(), &state, &fill(quote(3, "12", "12"), "10")).unwrap();

    let flat = AccountState {
        position: Position::flat(aapl()),
        ..state
    };

    assert_eq!(apply(&flat, &events[0]), Err(ApplyError::OutOfRange));
}
