//! Long random sessions: the core against the naive brokerage.

use crate::invariants::{check, check_tick};
use crate::naive::{Naive, NaiveChange, NaiveOrder, NaiveQuote};
use crate::session::{Change, FINE, Kind, Op, Session, deposit, ops, symbol};
use crate::support::{Account, cases, cents};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rust_decimal::Decimal;
use std::collections::BTreeSet;
use trading::{Event, FeeRate, QuoteView, Rules, Trigger};

fn decimal(e: i64, scale: u32) -> Decimal {
    Decimal::new(e, scale)
}

fn naive_quote(quote: &QuoteView) -> NaiveQuote {
    NaiveQuote {
        seq: quote.seq,
        bid: decimal(quote.bid.e4(), 4),
        ask: decimal(quote.ask.e4(), 4),
        last: decimal(quote.last.e4(), 4),
        bid_left: decimal(quote.bid_size.e6(), 6),
        ask_left: decimal(quote.ask_size.e6(), 6),
    }
}

/// The naive brokerage does the same; `session` is the core's before the operation. Tells why it refuses.
fn run_naive(naive: &mut Naive, session: &Session, op: &Op) -> Option<&'static str> {
    let pick = |pick: &usize| pick.checked_rem(naive.orders.len());
    match op {
        Op::Place { .. } => {
            let order = naive_order(session, op);
            naive.place(order).err()
        }
        Op::Quote { symbol, .. } if !naive.closed => {
            naive.tick(*symbol, naive_quote(&session.moved(op)));
            None
        }
        // The core must notice by itself that it has seen the quote.
        Op::Quote { .. } | Op::Repeat { .. } => None,
        Op::Replace(number, change) => {
            let index = pick(number)?;
            let change = naive_change(session, naive.orders[index].symbol, change);
            naive.replace(index, change).err()
        }
        Op::Cancel(number) => {
            let index = pick(number)?;
            naive.close(index, "cancelled");
            None
        }
        Op::Expire(number) => {
            let index = pick(number)?;
            naive.close(index, "expired");
            None
        }
        Op::Bell if naive.closed => {
            naive.open();
            None
        }
        Op::Bell => {
            naive.closed = true;
            None
        }
    }
}

fn naive_order(session: &Session, op: &Op) -> NaiveOrder {
    let Op::Place {
        symbol,
        side,
        kind,
        time_in_force,
        quantity_e6,
    } = op
    else {
        unreachable!("only placements")
    };
    let at = |away: i64| Some(decimal(session.away_e4(*symbol, away), 4));
    let (limit, stop) = match kind {
        Kind::Market => (None, None),
        Kind::Limit(limit) => (at(*limit), None),
        Kind::Stop(stop) => (None, at(*stop)),
        Kind::StopLimit(stop, limit) => (at(*limit), at(*stop)),
    };
    NaiveOrder {
        symbol: *symbol,
        side: *side,
        time_in_force: *time_in_force,
        quantity: decimal(*quantity_e6, 6),
        limit,
        stop,
        worst: None,
        elected: false,
        fills: Vec::new(),
        status: "new",
        queued: 0,
        traded: None,
    }
}

fn naive_change(session: &Session, symbol: usize, change: &Change) -> NaiveChange {
    let at = |away: i64| decimal(session.away_e4(symbol, away), 4);
    NaiveChange {
        quantity: change.quantity_e6.map(|e6| decimal(e6, 6)),
        limit: change.limit.map(at),
        stop: change.stop.map(at),
        time_in_force: change.time_in_force,
    }
}

fn compare(account: &Account, naive: &Naive) {
    assert_eq!(decimal(account.cash.available.cents(), 2), naive.available());
    assert_eq!(decimal(account.cash.held.cents(), 2), naive.held());
    assert_eq!(account.orders.len(), naive.orders.len());
    for (order, expected) in account.orders.values().zip(&naive.orders) {
        assert_eq!(order.status.as_str(), expected.status, "{order:?} {expected:?}");
        assert_eq!(decimal(order.leaves().e6(), 6), expected.leaves(), "{order:?}");
        assert_eq!(decimal(order.hold.cents(), 2), expected.hold(), "{order:?}");
        assert_eq!(order.elected_quote_seq.is_some(), expected.elected, "{order:?}");
    }
    for index in 0..2 {
        let position = account.position(symbol(index));
        assert_eq!(decimal(position.quantity().unwrap().e6(), 6), naive.owned(index));
        assert_eq!(decimal(position.held.e6(), 6), naive.held_shares(index));
        assert_eq!(decimal(position.cost.cents(), 2), naive.cost[index]);
        assert_eq!(decimal(position.realized.cents(), 2), naive.realized[index]);
    }
}

/// The comparison says nothing about what does not occur.
#[test]
fn sessions_reach_every_event_and_every_refusal() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for round in 0..500 {
        let ops = ops(FINE).new_tree(&mut runner).unwrap().current();
        let mut session = Session::new(deposit(round % 2 == 0), Rules::default(), FINE);
        for op in &ops {
            session.run(op);
            seen.extend(session.refused);
        }
        let waited = |event: &Event| matches!(event, Event::Accepted { working: false, .. });
        for event in &session.account.events {
            seen.insert(event.kind());
            seen.extend(waited(event).then_some("held back"));
            if let Event::Replaced { keeps_priority, .. } = event {
                seen.insert(if *keeps_priority {
                    "kept its place"
                } else {
                    "lost its place"
                });
            }
        }
        for order in session.account.orders.values() {
            seen.extend(
                order
                    .elected_quote_seq
                    .map(|_| order.terms().pricing().order_type().as_str()),
            );
            seen.insert(order.status.as_str());
        }
    }
    let expected = [
        "accepted",
        "activated",
        "cancelled",
        "expired",
        "filled",
        "held back",
        "insufficient_funds",
        "insufficient_shares",
        "kept its place",
        "lost its place",
        "market_closed",
        "order_cancelled",
        "order_expired",
        "order_filled",
        "order_rejected",
        "partial",
        "pending",
        "rejected",
        "replaced",
        "stop",
        "stop_elected",
        "stop_limit",
        "stop_through_market",
        "submitted",
        "triggered",
        "unexpected_field",
        "unsupported_time_in_force",
    ];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
}

fn trigger() -> impl Strategy<Value = Trigger> {
    prop::sample::select(Trigger::ALL)
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn a_session_agrees_with_the_naive_brokerage_and_keeps_every_invariant(
        ops in ops(FINE),
        poor: bool,
        trigger in trigger(),
    ) {
        let deposit = deposit(poor);
        let rules = Rules { trigger, ..Rules::default() };
        let mut session = Session::new(deposit, rules, FINE);
        let quote = naive_quote(&session.quotes[0]);
        let mut naive = Naive::new(decimal(deposit.cents(), 2), trigger, quote);
        for op in &ops {
            let refused = run_naive(&mut naive, &session, op);
            session.run(op);
            prop_assert_eq!(session.refused, refused, "{:?}", op);
            compare(&session.account, &naive);
            check(&session);
            check_tick(&session, &naive);
        }
    }

    #[test]
    fn fees_never_overdraw_and_are_part_of_the_result(ops in ops(FINE), rate in 0..200_000_u32) {
        let rules = Rules { fee: FeeRate::from_parts_per_million(rate), ..Rules::default() };
        let mut session = Session::new(cents("100.00"), rules, FINE);
        for op in &ops {
            session.run(op);
        }
        check(&session);
    }

    #[test]
    fn replaying_the_events_of_an_order_rebuilds_it(ops in ops(FINE)) {
        let mut session = Session::new(cents("10000.00"), Rules::default(), FINE);
        ops.iter().for_each(|op| session.run(op));

        let account = &session.account;
        let mut replayed = Account::new(account.deposited, account.rules);
        for event in &account.events {
            replay(&mut replayed, event);
        }
        prop_assert_eq!(replayed.cash, account.cash);
        prop_assert_eq!(&replayed.orders, &account.orders);
        for index in 0..2 {
            prop_assert_eq!(replayed.position(symbol(index)), account.position(symbol(index)));
        }
    }
}

fn replay(account: &mut Account, event: &Event) {
    let order = account.orders.get(&event.order_id()).copied();
    let symbol = match (event, order) {
        (Event::Accepted { intake, .. } | Event::Rejected { intake, .. }, _) => intake.terms.symbol(),
        (_, order) => order.unwrap().terms().symbol(),
    };
    let state = trading::AccountState {
        cash: account.cash,
        position: account.position(symbol),
        order,
    };
    let after = trading::apply(&state, event).unwrap();
    account.cash = after.cash;
    account.positions.insert(symbol, after.position);
    account.orders.insert(event.order_id(), after.order.unwrap());
}
