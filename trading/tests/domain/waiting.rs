//! Orders that are placed while the market is closed.

use crate::support::{Account, aapl, cents, elect, fill, limit, market, open, price, quantity, quote, stop};
use trading::{Command, Event, Market, OrderStatus, Reason, Reject, Side, TimeInForce};

fn closed() -> Market {
    Market::Closed {
        newest: Some(quote(5, "9.99", "10.00")),
    }
}

fn owner() -> Account {
    let mut account = Account::with_cash("10000.00");
    account
        .place(
            market(Side::Buy, "100", TimeInForce::Day),
            open(quote(1, "10", "10")),
        )
        .unwrap();
    account
}

#[test]
fn an_order_that_can_wait_is_held_for_and_waits_for_the_opening() {
    let mut account = Account::with_cash("1000.00");

    let limited = account
        .place(limit(Side::Buy, "10", "12", TimeInForce::Day), closed())
        .unwrap();
    let marketed = account
        .place(market(Side::Buy, "10", TimeInForce::Gtc), closed())
        .unwrap();

    assert_eq!(
        (limited.status, limited.hold),
        (OrderStatus::Pending, cents("120.00"))
    );
    assert_eq!(
        (marketed.status, marketed.hold),
        (OrderStatus::Pending, cents("105.00"))
    );
    assert_eq!(marketed.intake.worst_price, Some(price("10.50")));
    assert!(account.executions.is_empty());
}

#[test]
fn a_waiting_order_is_deaf_to_quotes_until_the_market_opens() {
    let mut account = Account::with_cash("1000.00");
    let id = account
        .place(limit(Side::Buy, "10", "12", TimeInForce::Day), closed())
        .unwrap()
        .intake
        .order_id;
    let opening = fill(quote(6, "11", "11"), "100");

    assert!(account.on(id, &opening).unwrap().is_empty());
    let opened = account.on(id, &Command::Activate).unwrap();
    assert!(account.on(id, &Command::Activate).unwrap().is_empty(), "once");
    assert!(
        account
            .on(id, &fill(quote(5, "9", "9"), "100"))
            .unwrap()
            .is_empty(),
        "the closing quote"
    );
    account.on(id, &opening).unwrap();

    assert_eq!(opened, [Event::Activated { order_id: id }]);
    assert_eq!(account.orders[&id].status, OrderStatus::Filled);
}

#[test]
fn a_market_buy_that_waited_pays_no_more_than_its_collar_at_the_opening() {
    let mut account = Account::with_cash("1000.00");
    let id = account
        .place(market(Side::Buy, "10", TimeInForce::Day), closed())
        .unwrap()
        .intake
        .order_id;
    account.on(id, &Command::Activate).unwrap();

    assert!(
        account
            .on(id, &fill(quote(6, "12", "12"), "100"))
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        account.orders[&id].hold,
        cents("105.00"),
        "it waits as a limit order"
    );
    account.on(id, &fill(quote(7, "10.49", "10.50"), "100")).unwrap();

    assert_eq!(account.orders[&id].status, OrderStatus::Filled);
    assert_eq!(account.cash.available, cents("895.00"));
}

#[test]
fn a_market_sell_that_waited_takes_the_opening_whatever_it_is() {
    let mut account = owner();
    let id = account
        .place(market(Side::Sell, "100", TimeInForce::Day), closed())
        .unwrap()
        .intake
        .order_id;
    account.on(id, &Command::Activate).unwrap();

    account.on(id, &fill(quote(6, "1", "1.01"), "100")).unwrap();

    assert_eq!(account.orders[&id].status, OrderStatus::Filled);
}

#[test]
fn what_may_not_wait_is_refused_while_the_market_is_closed() {
    let mut account = owner();
    for terms in [
        market(Side::Buy, "1", TimeInForce::Ioc),
        market(Side::Sell, "1", TimeInForce::Fok),
        limit(Side::Buy, "1", "10", TimeInForce::Ioc),
        limit(Side::Sell, "1", "10", TimeInForce::Fok),
    ] {
        assert_eq!(
            account.place(terms, closed()).unwrap_err().code(),
            "market_closed"
        );
    }
    // Without any quote there is nothing to measure the hold of a market buy by.
    let never = Market::Closed { newest: None };
    let refused = account.place(market(Side::Buy, "1", TimeInForce::Day), never);
    assert_eq!(refused.unwrap_err().code(), "stale_quote");
    let waits = account
        .place(market(Side::Sell, "1", TimeInForce::Day), never)
        .unwrap();
    assert_eq!(waits.status, OrderStatus::Pending);
}

#[test]
fn a_stop_that_waited_for_the_opening_still_waits_for_its_election() {
    let mut account = owner();
    // The last trade was beyond the stop; whether that is so tomorrow, tomorrow's first quote says.
    let id = account
        .place(stop(Side::Buy, "10", "9"), closed())
        .unwrap()
        .intake
        .order_id;

    assert!(account.on(id, &Command::Activate).unwrap().is_empty());
    assert_eq!(account.orders[&id].status, OrderStatus::Pending);
    assert!(
        account
            .on(id, &elect(quote(5, "9.99", "10.00")))
            .unwrap()
            .is_empty()
    );
    assert_eq!(account.on(id, &elect(quote(6, "9.10", "9.20"))).unwrap().len(), 1);

    assert_eq!(account.orders[&id].status, OrderStatus::Submitted);
}

#[test]
fn an_order_is_refused_at_the_opening_and_gets_its_hold_back() {
    let mut account = owner();
    let before = (account.cash, account.position(aapl()));
    let reject = Command::Reject {
        reject: Reject::SymbolNotTraded,
    };
    for terms in [
        limit(Side::Buy, "10", "12", TimeInForce::Gtc),
        limit(Side::Sell, "10", "12", TimeInForce::Gtc),
        stop(Side::Sell, "10", "9"),
    ] {
        let id = account.place(terms, closed()).unwrap().intake.order_id;

        account.on(id, &reject).unwrap();

        let order = account.orders[&id];
        assert_eq!(
            (order.status, order.reason),
            (OrderStatus::Rejected, Some(Reason::SymbolNotTraded))
        );
        assert_eq!((account.cash, account.position(aapl())), before);
    }
}

#[test]
fn a_waiting_order_is_changed_cancelled_and_expires_without_a_quote() {
    let mut account = Account::with_cash("1000.00");
    let id = account
        .place(limit(Side::Buy, "10", "12", TimeInForce::Day), closed())
        .unwrap()
        .intake
        .order_id;
    let cheaper = trading::Replacement {
        limit_price: Some(price("8")),
        ..trading::Replacement::default()
    };

    account
        .on(
            id,
            &Command::Replace {
                replacement: cheaper,
                market: closed(),
            },
        )
        .unwrap();

    let order = account.orders[&id];
    assert_eq!((order.status, order.hold), (OrderStatus::Pending, cents("80.00")));
    assert_eq!(order.leaves(), quantity("10"));
    account.on(id, &Command::Expire).unwrap();
    assert_eq!(account.cash.available, cents("1000.00"));
}
