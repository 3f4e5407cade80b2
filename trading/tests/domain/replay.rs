//! The log of an account: written, read and replayed.

use crate::session::{FINE, Session, ops, symbol};
use crate::support::{Account, cases, cents, limit, open, quantity, quote, replace};
use platform_core::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;
use std::collections::BTreeMap;
use trading::{
    AccountBooks, AccountEvent, BooksError, BooksState, Event, Market, Opening, Order, OrderId, OrderRecord,
    Position, Replacement, Rules, Side, TimeInForce,
};

/// Every event of a session, from the opening on.
fn log(session: &Session) -> Vec<AccountEvent> {
    let opened = AccountEvent::Opened {
        transfer: session.account.transfers[0],
    };
    let of_orders = session.account.events.iter().cloned();
    let of_orders = of_orders.map(|event| AccountEvent::Order { event, record: None });
    std::iter::once(opened).chain(of_orders).collect()
}

fn books(log: &[AccountEvent]) -> AccountBooks {
    let mut books = AccountBooks::default();
    go_on(&mut books, log);
    books
}

/// Carries out what follows in the log.
fn go_on(books: &mut AccountBooks, log: &[AccountEvent]) {
    for event in log {
        books
            .carry_out(books.seq() + 1, at(books.seq() + 1), event)
            .unwrap();
    }
}

/// A second for each event.
fn at(seq: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + time::Duration::seconds(seq)
}

/// The orders as the rules know them.
fn orders(books: &AccountBooks) -> BTreeMap<OrderId, Order> {
    books
        .orders()
        .iter()
        .map(|(id, booked)| (*id, booked.order))
        .collect()
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn an_event_is_read_as_it_was_written(ops in ops(FINE)) {
        let mut session = Session::new(cents("10000.00"), Rules::default(), FINE);
        ops.iter().for_each(|op| session.run(op));

        for event in log(&session) {
            let text = event.payload().unwrap().to_string();
            let read = AccountEvent::from_stored(event.kind(), serde_json::from_str(&text).unwrap());
            prop_assert_eq!(read.unwrap(), event);
        }
    }

    #[test]
    fn the_events_rebuild_the_account_and_a_part_of_them_what_it_was_then(ops in ops(FINE), cut: Index) {
        let mut session = Session::new(cents("10000.00"), Rules::default(), FINE);
        let (first, rest) = ops.split_at(cut.index(ops.len() + 1));
        first.iter().for_each(|op| session.run(op));
        let then = session.account.clone();
        let events_then = log(&session).len();
        rest.iter().for_each(|op| session.run(op));
        let log = log(&session);

        for (account, books) in [(&session.account, books(&log)), (&then, books(&log[..events_then]))] {
            prop_assert_eq!(books.cash(), account.cash);
            prop_assert_eq!(&orders(&books), &account.orders);
            for index in 0..2 {
                let found = books.positions().get(&symbol(index)).copied();
                prop_assert_eq!(found.unwrap_or(Position::flat(symbol(index))), account.position(symbol(index)));
            }
        }
        prop_assert_eq!(books(&log).hash(), books(&log).hash());
        prop_assert_eq!(books(&log), books(&log));
        if log.len() > events_then {
            prop_assert_ne!(books(&log).hash(), books(&log[..events_then]).hash());
        }
    }

    /// Taking out what has ended, or going on from books that were kept aside in between, comes to the same hash and the same books.
    #[test]
    fn books_that_were_kept_aside_go_on_as_if_they_had_not_been(ops in ops(FINE), cut: Index) {
        let mut session = Session::new(cents("10000.00"), Rules::default(), FINE);
        ops.iter().for_each(|op| session.run(op));
        let log = log(&session);
        let (first, rest) = log.split_at(cut.index(log.len()) + 1);

        let mut whole = books(&log);
        let mut then = books(first);
        let kept: BooksState = serde_json::from_str(&json!(then.state()).to_string()).unwrap();
        let mut resumed = AccountBooks::resume(&kept).unwrap();
        prop_assert_eq!(resumed.hash(), then.hash());
        then.take_ended();
        prop_assert_eq!(&resumed, &then);
        go_on(&mut resumed, rest);
        go_on(&mut then, rest);

        prop_assert_eq!(resumed.hash(), whole.hash());
        prop_assert_eq!(then.hash(), whole.hash());
        let ended = whole.take_ended();
        resumed.take_ended();
        prop_assert_eq!(&resumed, &whole);
        prop_assert!(ended.iter().all(|booked| booked.order.status.is_terminal()));
        prop_assert!(whole.orders().values().all(|booked| !booked.order.status.is_terminal()));
    }

    /// Accounts have nothing in common: however their events are interleaved, each comes to what it comes to alone.
    #[test]
    fn shuffling_the_events_of_accounts_changes_none_of_them(
        days in prop::collection::vec(ops(FINE), 2..5), turns in prop::collection::vec(any::<Index>(), 400),
    ) {
        let logs: Vec<_> = days.iter().map(|ops| {
            let mut session = Session::new(cents("10000.00"), Rules::default(), FINE);
            ops.iter().for_each(|op| session.run(op));
            log(&session)
        }).collect();
        let mut left: Vec<&[AccountEvent]> = logs.iter().map(Vec::as_slice).collect();
        let mut shuffled: Vec<AccountBooks> = vec![AccountBooks::default(); logs.len()];

        for turn in turns.iter().cycle() {
            let waiting: Vec<usize> = (0..left.len()).filter(|who| !left[*who].is_empty()).collect();
            if waiting.is_empty() {
                break;
            }
            let who = waiting[turn.index(waiting.len())];
            let (next, rest) = left[who].split_at(1);
            go_on(&mut shuffled[who], next);
            left[who] = rest;
        }

        for (log, shuffled) in logs.iter().zip(&shuffled) {
            prop_assert_eq!(&books(log), shuffled);
            prop_assert_eq!(books(log).hash(), shuffled.hash());
        }
    }

    #[test]
    fn a_log_with_an_event_missing_is_refused(ops in ops(FINE), cut: Index) {
        let mut session = Session::new(cents("10000.00"), Rules::default(), FINE);
        ops.iter().for_each(|op| session.run(op));
        let log = log(&session);
        let missing = cut.index(log.len());

        let mut books = AccountBooks::default();
        let outcome = (1..)
            .zip(&log)
            .enumerate()
            .filter(|(at, _)| *at != missing)
            .try_for_each(|(_, (seq, event))| books.carry_out(seq, at(seq), event));

        match outcome {
            Err(BooksError::Gap { expected, found }) => prop_assert_eq!(expected + 1, found),
            Ok(()) => prop_assert_eq!(missing, log.len() - 1),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}

#[test]
fn an_opening_continues_an_account_that_is_older_than_its_log() {
    let opening = json!({
        "available_cents": 500_000,
        "held_cents": 10_010,
        "positions": [
            { "symbol": "AAPL", "available_e6": 7_000_000, "held_e6": 3_000_000, "cost_cents": 10_000, "realized_cents": -12 },
        ],
        "orders": [{
            "id": "019b8e2c-0000-7000-8000-000000000001", "symbol": "AAPL", "side": "buy", "order_type": "limit",
            "time_in_force": "gtc", "quantity_e6": 10_000_000, "limit_price_e4": 100_100, "stop_price_e4": null,
            "worst_price_e4": 100_100, "status": "submitted", "reason": null, "filled_e6": 0, "filled_notional_e10": "0",
            "hold_cents": 10_010, "fees_cents": 0, "accepted_quote_seq": 7, "last_quote_seq": 7,
        }],
    });
    let opening: Opening = serde_json::from_value(opening).unwrap();

    let mut books = AccountBooks::default();
    books
        .carry_out(1, at(1), &AccountEvent::Opening(opening.clone()))
        .unwrap();

    assert_eq!(books.cash().held.to_string(), "100.10");
    assert_eq!(books.orders().len(), 1);
    let again = books.carry_out(2, at(2), &AccountEvent::Opening(opening));
    assert!(matches!(again, Err(BooksError::OpenedTwice)), "{again:?}");
}

#[test]
fn a_payload_of_another_kind_is_refused() {
    let deposit = json!({ "transfer": { "code": "deposit", "asset": "cash", "debit": "funding", "credit": "cash.available", "amount": 5 } });
    assert!(AccountEvent::from_stored("deposit", deposit.clone()).is_ok());

    let moved = json!({ "transfer": { "code": "deposit", "asset": "cash", "debit": "fees", "credit": "cash.available", "amount": 5 } });
    for (kind, payload) in [("accepted", deposit), ("deposit", moved), ("opening", json!({}))] {
        assert!(AccountEvent::from_stored(kind, payload).is_err(), "{kind}");
    }
}

fn record(version: i32) -> OrderRecord {
    OrderRecord {
        version,
        client_order_id: Some("mine".to_owned()),
        opens_at: None,
        expires_at: Some(at(100)),
        requeued_at: None,
    }
}

/// The events of an order that rests, is changed, sent to the end of its queue with that, and cancelled.
fn resting() -> [Event; 3] {
    let mut account = Account::with_cash("10000.00");
    let terms = limit(Side::Buy, "10", "9.00", TimeInForce::Gtc);
    let market: Market = open(quote(1, "10.00", "10.01"));
    let order = account.place(terms, market).unwrap();
    let more = Replacement {
        quantity: Some(quantity("20")),
        ..Replacement::default()
    };
    account.on(order.intake.order_id, &replace(more, market)).unwrap();
    account
        .on(order.intake.order_id, &trading::Command::Cancel)
        .unwrap();
    account.events.try_into().unwrap()
}

/// What the books say to these records of the three events.
fn with_records(records: [Option<OrderRecord>; 3]) -> Result<AccountBooks, BooksError> {
    let (_, transfer) = trading::Cash::default()
        .deposit(trading::Amount::new(1_000_000).unwrap())
        .unwrap();
    let mut books = AccountBooks::default();
    books.carry_out(1, at(1), &AccountEvent::Opened { transfer })?;
    for (seq, (event, record)) in (2..).zip(resting().into_iter().zip(records)) {
        let event = AccountEvent::Order { event, record };
        let text = event.payload().unwrap().to_string();
        let read = AccountEvent::from_stored(event.kind(), serde_json::from_str(&text).unwrap()).unwrap();
        assert_eq!(read, event, "read as it was written");
        books.carry_out(seq, at(seq), &read)?;
    }
    Ok(books)
}

#[test]
fn the_record_of_an_order_and_its_times_are_rebuilt() {
    let moved = OrderRecord {
        expires_at: Some(at(200)),
        requeued_at: Some(at(3)),
        ..record(2)
    };
    let last = OrderRecord {
        version: 3,
        ..moved.clone()
    };
    let books = with_records([Some(record(1)), Some(moved), Some(last.clone())]).unwrap();

    let booked = books.orders().values().next().unwrap();
    assert_eq!(booked.record, Some(last));
    assert_eq!(
        (booked.accepted_at, booked.updated_at),
        (Some(at(2)), Some(at(4)))
    );
    let other = trading::BookedOrder {
        record: Some(record(4)),
        ..booked.clone()
    };
    assert!(booked.agrees_with(booked) && !booked.agrees_with(&other));
    let unknown = trading::BookedOrder {
        record: None,
        accepted_at: None,
        ..booked.clone()
    };
    assert!(unknown.agrees_with(booked), "what is not known is not judged");
}

#[test]
fn an_order_whose_last_event_says_no_record_has_none() {
    let books = with_records([Some(record(1)), Some(record(2)), None]).unwrap();
    assert_eq!(books.orders().values().next().unwrap().record, None);

    with_records([None, Some(record(7)), Some(record(8))]).unwrap();
}

#[test]
fn a_record_that_cannot_follow_is_refused() {
    let first = || Some(record(1));
    let cases: [[Option<OrderRecord>; 3]; 8] = [
        // A version that is left out, that goes back, and a first one that is not 1.
        [first(), Some(record(3)), None],
        [first(), Some(record(2)), Some(record(1))],
        [Some(record(2)), None, None],
        // What only a change of the terms can move.
        [
            first(),
            Some(record(2)),
            Some(OrderRecord {
                expires_at: None,
                ..record(3)
            }),
        ],
        [
            first(),
            Some(record(2)),
            Some(OrderRecord {
                requeued_at: Some(at(4)),
                ..record(3)
            }),
        ],
        // What nothing moves.
        [
            first(),
            Some(OrderRecord {
                client_order_id: None,
                ..record(2)
            }),
            None,
        ],
        [
            first(),
            Some(OrderRecord {
                opens_at: Some(at(5)),
                ..record(2)
            }),
            None,
        ],
        // Nobody has been in the queue yet.
        [
            Some(OrderRecord {
                requeued_at: Some(at(1)),
                ..record(1)
            }),
            None,
            None,
        ],
    ];
    for records in cases {
        let refused = with_records(records.clone());
        assert!(
            matches!(refused, Err(BooksError::Record(_))),
            "{records:#?}: {refused:#?}"
        );
    }
}
