//! The log of an account: written, read and replayed.

use crate::session::{FINE, Session, ops, symbol};
use crate::support::cents;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;
use trading::{AccountBooks, AccountEvent, BooksError, Opening, Position, Rules};

/// Every event of a session, from the opening on.
fn log(session: &Session) -> Vec<AccountEvent> {
    let opened = AccountEvent::Opened {
        transfer: session.account.transfers[0],
    };
    let of_orders = session.account.events.iter().cloned().map(AccountEvent::Order);
    std::iter::once(opened).chain(of_orders).collect()
}

fn books(log: &[AccountEvent]) -> AccountBooks {
    let mut books = AccountBooks::default();
    for (seq, event) in (1..).zip(log) {
        books.carry_out(seq, event).unwrap();
    }
    books
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

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
            prop_assert_eq!(books.orders(), &account.orders);
            for index in 0..2 {
                let found = books.positions().get(&symbol(index)).copied();
                prop_assert_eq!(found.unwrap_or(Position::flat(symbol(index))), account.position(symbol(index)));
            }
        }
        prop_assert_eq!(books(&log).hash(), books(&log).hash());
        if log.len() > events_then {
            prop_assert_ne!(books(&log).hash(), books(&log[..events_then]).hash());
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
            .try_for_each(|(_, (seq, event))| books.carry_out(seq, event));

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
        .carry_out(1, &AccountEvent::Opening(opening.clone()))
        .unwrap();

    assert_eq!(books.cash().held.to_string(), "100.10");
    assert_eq!(books.orders().len(), 1);
    let again = books.carry_out(2, &AccountEvent::Opening(opening));
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
