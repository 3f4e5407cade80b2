//! Changing the terms of an open order.

use crate::support::{
    Account, aapl, cents, elect, fill, limit, market, open, price, quantity, quote, replace, stop, stop_limit,
};
use trading::{Event, Invalid, Market, Order, OrderId, OrderStatus, Reject, Replacement, Side, TimeInForce};

fn shares(count: &str) -> Replacement {
    Replacement {
        quantity: Some(quantity(count)),
        ..Replacement::default()
    }
}

fn at(limit: &str) -> Replacement {
    Replacement {
        limit_price: Some(price(limit)),
        ..Replacement::default()
    }
}

fn until(time_in_force: TimeInForce) -> Replacement {
    Replacement {
        time_in_force: Some(time_in_force),
        ..Replacement::default()
    }
}

fn stopped(at: &str) -> Replacement {
    Replacement {
        stop_price: Some(price(at)),
        ..Replacement::default()
    }
}

/// A market away from every order here.
fn away(seq: u64) -> Market {
    open(quote(seq, "10", "20"))
}

/// A buy of ten at 12.00 that rests, in an account with 1,000.00.
fn resting() -> (Account, OrderId) {
    let mut account = Account::with_cash("1000.00");
    let order = account
        .place(limit(Side::Buy, "10", "12", TimeInForce::Day), away(1))
        .unwrap();
    (account, order.intake.order_id)
}

fn change(
    account: &mut Account,
    id: OrderId,
    replacement: Replacement,
    now: Market,
) -> Result<Order, Invalid> {
    account.on(id, &replace(replacement, now))?;
    Ok(account.orders[&id])
}

fn keeps_priority(account: &Account) -> bool {
    let replaced = |event: &Event| match event {
        Event::Replaced { keeps_priority, .. } => Some(*keeps_priority),
        _ => None,
    };
    account.events.iter().rev().find_map(replaced).unwrap()
}

#[test]
fn the_hold_follows_the_terms_up_and_down() {
    let (mut account, id) = resting();

    for (replacement, held) in [
        (shares("20"), "240.00"),
        (at("15.00"), "300.00"),
        (shares("5"), "75.00"),
        (at("0.01"), "0.05"),
    ] {
        let order = change(&mut account, id, replacement, away(2)).unwrap();
        assert_eq!((order.hold, account.cash.held), (cents(held), cents(held)));
        assert_eq!(order.status, OrderStatus::Submitted);
    }
    assert_eq!(account.cash.available, cents("999.95"));
}

#[test]
fn a_sell_holds_more_or_fewer_shares() {
    let mut account = Account::with_cash("1000.00");
    account
        .place(
            market(Side::Buy, "50", TimeInForce::Day),
            open(quote(1, "10", "10")),
        )
        .unwrap();
    let order = account
        .place(limit(Side::Sell, "10", "20", TimeInForce::Day), away(2))
        .unwrap();
    let id = order.intake.order_id;

    change(&mut account, id, shares("50"), away(3)).unwrap();
    assert_eq!(account.position(aapl()).held, quantity("50"));
    let too_many = change(&mut account, id, shares("50.000001"), away(3)).unwrap_err();
    change(&mut account, id, shares("4"), away(3)).unwrap();

    assert_eq!(account.position(aapl()).available, quantity("46"));
    let reject = Reject::InsufficientShares {
        needed: quantity("0.000001"),
        available: quantity("0"),
    };
    assert_eq!(too_many, Invalid::Refused(reject));
}

#[test]
fn what_the_account_does_not_have_leaves_the_order_as_it_was() {
    let (mut account, id) = resting();
    let before = (account.cash, account.orders[&id]);

    let refused = change(&mut account, id, shares("100"), away(2)).unwrap_err();

    assert_eq!(refused.code(), "insufficient_funds");
    let reject = Reject::InsufficientFunds {
        needed: cents("1080.00"),
        available: cents("880.00"),
    };
    assert_eq!(refused, Invalid::Refused(reject));
    assert_eq!((account.cash, account.orders[&id]), before);
    assert_eq!(account.events.len(), 1);
}

#[test]
fn an_order_with_fills_holds_for_what_is_left() {
    let (mut account, id) = resting();
    account.on(id, &fill(quote(2, "11", "11.3333"), "3.3")).unwrap();

    let order = change(&mut account, id, shares("5.3"), away(3)).unwrap();

    // 3.3 at 11.3333 are worth 37.39989 and have cost 37.40; with two more at 12.00 that is at most 61.40.
    assert_eq!(
        (order.status, order.leaves()),
        (OrderStatus::Partial, quantity("2"))
    );
    assert_eq!(order.hold, cents("24.00"));
    assert_eq!(account.cash.available, cents("938.60"));
}

#[test]
fn asking_for_no_more_than_is_filled_completes_the_order() {
    for wanted in ["4", "3", "0.000001"] {
        let (mut account, id) = resting();
        account.on(id, &fill(quote(2, "11", "11"), "4")).unwrap();

        let order = change(&mut account, id, shares(wanted), away(3)).unwrap();

        assert_eq!(
            (order.status, order.terms().quantity()),
            (OrderStatus::Filled, quantity("4"))
        );
        assert_eq!((order.hold, account.cash.held), (cents("0"), cents("0")));
        assert_eq!(account.cash.available, cents("956.00"));
    }
}

#[test]
fn only_a_smaller_quantity_alone_keeps_the_place_in_the_queue() {
    let both = Replacement {
        limit_price: Some(price("11")),
        ..shares("5")
    };
    for (replacement, keeps) in [
        (shares("5"), true),
        (shares("11"), false),
        (at("12.01"), false),
        (at("11.99"), false),
        (until(TimeInForce::Gtc), false),
        (both, false),
    ] {
        let (mut account, id) = resting();
        change(&mut account, id, replacement, away(2)).unwrap();
        assert_eq!(keeps_priority(&account), keeps, "{replacement:?}");
    }
}

#[test]
fn a_change_of_nothing_is_none() {
    let (mut account, id) = resting();
    let before = account.orders[&id];
    let same = Replacement {
        time_in_force: Some(TimeInForce::Day),
        limit_price: Some(price("12.00")),
        ..shares("10")
    };
    for replacement in [Replacement::default(), same] {
        assert_eq!(account.on(id, &replace(replacement, away(9))), Ok(Vec::new()));
    }
    assert_eq!(account.orders[&id], before);
}

#[test]
fn a_better_limit_meets_the_current_quote_at_once() {
    let (mut account, id) = resting();

    let order = change(&mut account, id, at("20.00"), away(1)).unwrap();

    assert_eq!(
        order.status,
        OrderStatus::Filled,
        "on the quote it was placed on and did not trade on"
    );
    assert_eq!(account.executions[0].price, price("20"));
    assert_eq!(account.cash.available, cents("800.00"));
}

#[test]
fn an_order_trades_once_on_a_quote_however_often_it_is_changed() {
    let (mut account, id) = resting();
    let now = quote(2, "11", "12");
    account.on(id, &fill(now, "4")).unwrap();

    let order = change(&mut account, id, shares("20"), open(now)).unwrap();
    assert_eq!((order.filled, account.executions.len()), (quantity("4"), 1));
    assert!(account.on(id, &fill(now, "100")).unwrap().is_empty());
    account.on(id, &fill(quote(3, "11", "12"), "100")).unwrap();

    assert_eq!(account.orders[&id].status, OrderStatus::Filled);
}

#[test]
fn a_changed_order_does_not_fill_on_a_quote_from_before_the_change() {
    let (mut account, id) = resting();
    change(&mut account, id, at("15.00"), away(5)).unwrap();

    assert!(
        account
            .on(id, &fill(quote(4, "13", "13"), "100"))
            .unwrap()
            .is_empty()
    );
    account.on(id, &fill(quote(6, "13", "13"), "100")).unwrap();

    assert_eq!(account.orders[&id].status, OrderStatus::Filled);
}

#[test]
fn a_change_while_nothing_can_be_traded_on_waits_for_the_next_quote() {
    for now in [
        Market::Unusable { seq: 5 },
        Market::Closed {
            newest: Some(quote(5, "10", "11")),
        },
    ] {
        let (mut account, id) = resting();
        let order = change(&mut account, id, at("15.00"), now).unwrap();
        assert_eq!(
            (order.status, order.hold),
            (OrderStatus::Submitted, cents("150.00"))
        );

        assert!(
            account
                .on(id, &fill(quote(5, "10", "11"), "100"))
                .unwrap()
                .is_empty()
        );
        account.on(id, &fill(quote(6, "10", "11"), "100")).unwrap();

        assert_eq!(account.orders[&id].status, OrderStatus::Filled);
    }
}

#[test]
fn the_stop_of_a_waiting_order_moves_with_its_hold() {
    let mut account = Account::with_cash("1000.00");
    let id = account
        .place(stop(Side::Buy, "10", "30"), away(1))
        .unwrap()
        .intake
        .order_id;
    assert_eq!(account.orders[&id].hold, cents("315.00"));

    let order = change(&mut account, id, stopped("40.00"), away(2)).unwrap();
    assert_eq!(
        (order.status, order.hold),
        (OrderStatus::Pending, cents("420.00"))
    );
    let through = change(&mut account, id, stopped("10.00"), away(3)).unwrap_err();
    assert_eq!(through.code(), "stop_through_market");

    assert!(
        account
            .on(id, &elect(quote(4, "39.99", "40")))
            .unwrap()
            .is_empty()
    );
    assert_eq!(account.on(id, &elect(quote(5, "40", "40"))).unwrap().len(), 1);
}

#[test]
fn a_stop_that_was_elected_cannot_move_but_its_limit_can() {
    let mut account = Account::with_cash("1000.00");
    let terms = stop_limit(Side::Buy, "10", ("30", "25"));
    let id = account.place(terms, away(1)).unwrap().intake.order_id;
    account.on(id, &elect(quote(2, "30", "31"))).unwrap();

    let refused = change(&mut account, id, stopped("40"), away(3)).unwrap_err();
    let order = change(&mut account, id, at("31"), open(quote(3, "30", "31"))).unwrap();

    assert_eq!(refused.code(), "stop_elected");
    assert_eq!(order.status, OrderStatus::Filled);
}

#[test]
fn an_elected_stop_keeps_its_collar_when_its_quantity_changes() {
    let mut account = Account::with_cash("1000.00");
    let id = account
        .place(stop(Side::Buy, "10", "30"), away(1))
        .unwrap()
        .intake
        .order_id;
    account.on(id, &elect(quote(2, "32", "33"))).unwrap();

    let order = change(&mut account, id, shares("20"), open(quote(3, "32", "33"))).unwrap();

    assert_eq!(order.intake.worst_price, Some(price("31.50")));
    assert_eq!(order.hold, cents("630.00"));
}

#[test]
fn a_waiting_stop_can_change_its_quantity_on_a_quote_that_is_about_to_elect_it() {
    let mut account = Account::with_cash("1000.00");
    let id = account
        .place(stop(Side::Buy, "10", "30"), away(1))
        .unwrap()
        .intake
        .order_id;
    let reached = quote(2, "30", "31");

    let order = change(&mut account, id, shares("5"), open(reached)).unwrap();
    assert_eq!(order.status, OrderStatus::Pending);
    account.on(id, &elect(reached)).unwrap();

    assert_eq!(account.orders[&id].status, OrderStatus::Submitted);
}

#[test]
fn side_symbol_and_type_stay_and_so_does_what_the_type_does_not_have() {
    let mut account = Account::with_cash("10000.00");
    let small = Market::Open {
        quote: quote(1, "10", "10"),
        offered: quantity("1"),
    };
    let marketed = account
        .place(market(Side::Buy, "10", TimeInForce::Day), small)
        .unwrap();
    let limited = account
        .place(limit(Side::Buy, "10", "5", TimeInForce::Day), away(1))
        .unwrap();
    let stopped_order = account.place(stop(Side::Buy, "10", "30"), away(1)).unwrap();
    for (order, replacement, field, code) in [
        (marketed, at("9"), "limit_price", "unexpected_field"),
        (marketed, stopped("9"), "stop_price", "unexpected_field"),
        (limited, stopped("9"), "stop_price", "unexpected_field"),
        (stopped_order, at("9"), "limit_price", "unexpected_field"),
        (
            limited,
            until(TimeInForce::Ioc),
            "time_in_force",
            "unsupported_time_in_force",
        ),
        (
            limited,
            until(TimeInForce::Fok),
            "time_in_force",
            "unsupported_time_in_force",
        ),
        (limited, shares("0"), "quantity", "out_of_range"),
    ] {
        match change(&mut account, order.intake.order_id, replacement, away(2)) {
            Err(Invalid::Field(problem)) => {
                assert_eq!((problem.field, problem.problem.code()), (field, code))
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_market_order_that_rests_can_ask_for_less_and_stay_longer() {
    let mut account = Account::with_cash("1000.00");
    let small = Market::Open {
        quote: quote(1, "10", "10"),
        offered: quantity("1"),
    };
    let id = account
        .place(market(Side::Buy, "10", TimeInForce::Day), small)
        .unwrap()
        .intake
        .order_id;

    let replacement = Replacement {
        time_in_force: Some(TimeInForce::Gtc),
        ..shares("5")
    };
    let order = change(&mut account, id, replacement, away(2)).unwrap();

    assert_eq!(order.terms().time_in_force(), TimeInForce::Gtc);
    assert_eq!(
        (order.intake.worst_price, order.hold),
        (Some(price("10.50")), cents("42.00"))
    );
}

#[test]
fn a_change_that_makes_the_order_worth_too_much_is_refused() {
    let dear = |seq| open(quote(seq, "1", "2000"));
    let mut account = Account::with_cash("9000000000.00");
    let id = account
        .place(limit(Side::Buy, "1000000", "1000", TimeInForce::Day), dear(1))
        .unwrap()
        .intake
        .order_id;

    for replacement in [shares("1000000.000001"), at("1000.0001")] {
        let refused = change(&mut account, id, replacement, dear(2)).unwrap_err();
        assert_eq!(refused.code(), "notional_too_large");
    }
}
