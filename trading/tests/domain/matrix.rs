//! Every cell of the matrix of states and steps.

use crate::support::{Account, aapl, cents, fill, limit, open, price, quantity, quote, replace};
use trading::{
    AccountState, ApplyError, Command, Event, Execution, ExecutionId, Invalid, InvalidTransition, Market,
    OrderStatus, Quantity, Reason, Reject, Replacement, Rules, Side, Step, TimeInForce, apply, decide,
    transition,
};

const STEPS: [Step; 9] = [
    Step::Accept { working: true },
    Step::Reject,
    Step::Activate,
    Step::FillPart,
    Step::FillRest,
    Step::Cancel,
    Step::Expire,
    Step::Replace { complete: false },
    Step::Kill,
];

#[test]
fn every_cell_of_the_matrix_is_as_the_table_says() {
    // One row for each state, one word for each step; "-" is an invalid transition.
    let table = [
        ("none", "submitted rejected - - - - - - -"),
        ("pending", "- rejected submitted - - cancelled expired pending -"),
        (
            "submitted",
            "- - - partial filled cancelled expired submitted cancelled",
        ),
        (
            "partial",
            "- - - partial filled cancelled expired partial cancelled",
        ),
        ("filled", "- - - - - - - - -"),
        ("cancelled", "- - - - - - - - -"),
        ("rejected", "- - - - - - - - -"),
        ("expired", "- - - - - - - - -"),
    ];
    let mut cells = 0;
    for (state, row) in table {
        let from: Option<OrderStatus> = state.parse().ok();
        for (step, expected) in STEPS.into_iter().zip(row.split(' ')) {
            let expected = expected.parse().map_err(|_| InvalidTransition { from, step });
            assert_eq!(transition(from, step), expected, "{state} {step:?}");
            cells += 1;
        }
    }
    assert_eq!(cells, OrderStatus::ALL.len() * STEPS.len() + STEPS.len());
}

#[test]
fn an_accepted_order_waits_when_it_cannot_work_yet() {
    assert_eq!(
        transition(None, Step::Accept { working: false }),
        Ok(OrderStatus::Pending)
    );
}

#[test]
fn a_replacement_that_leaves_nothing_fills_a_working_order_only() {
    let step = Step::Replace { complete: true };
    assert_eq!(
        transition(Some(OrderStatus::Submitted), step),
        Ok(OrderStatus::Filled)
    );
    assert_eq!(
        transition(Some(OrderStatus::Partial), step),
        Ok(OrderStatus::Filled)
    );
    assert!(transition(Some(OrderStatus::Pending), step).is_err());
    assert!(transition(Some(OrderStatus::Filled), step).is_err());
}

#[test]
fn states_are_stored_as_the_words_clients_see() {
    let words: Vec<_> = OrderStatus::ALL.iter().map(|status| status.as_str()).collect();
    assert_eq!(
        words,
        [
            "pending",
            "submitted",
            "partial",
            "filled",
            "cancelled",
            "rejected",
            "expired"
        ]
    );
    assert_eq!("filled".parse(), Ok(OrderStatus::Filled));
    assert!("Filled".parse::<OrderStatus>().is_err());
    assert_eq!(
        serde_json::to_string(&OrderStatus::Partial).unwrap(),
        "\"partial\""
    );
}

/// An order in each state, as commands make it.
fn in_state(status: OrderStatus) -> AccountState {
    let mut account = Account::with_cash("1000.00");
    let terms = limit(Side::Buy, "10", "10", TimeInForce::Day);
    let away = open(quote(1, "10", "11"));
    let at = |status| match status {
        OrderStatus::Pending => Market::Closed { newest: None },
        OrderStatus::Filled => open(quote(1, "9", "10")),
        _ => away,
    };
    let terms = match status {
        OrderStatus::Rejected => limit(Side::Buy, "1000", "10", TimeInForce::Day),
        _ => terms,
    };
    let id = account.place(terms, at(status)).unwrap().intake.order_id;
    let then = match status {
        OrderStatus::Partial => Some(fill(quote(2, "9", "10"), "4")),
        OrderStatus::Cancelled => Some(Command::Cancel),
        OrderStatus::Expired => Some(Command::Expire),
        _ => None,
    };
    if let Some(command) = then {
        account.on(id, &command).unwrap();
    }
    assert_eq!(account.orders[&id].status, status);
    AccountState::with_order(account.cash, account.position(aapl()), account.orders[&id])
}

/// The event of each step, about the order of a state.
fn event(step: Step, state: &AccountState) -> Event {
    let order = state.order.unwrap();
    let (intake, order_id) = (order.intake, order.intake.order_id);
    let transfers = Vec::new();
    let filled = |shares: Quantity| Event::Filled {
        execution: Execution {
            id: ExecutionId {
                order_id,
                quote_seq: 9,
            },
            symbol: aapl(),
            side: Side::Buy,
            quantity: shares,
            price: price("10"),
            cash: cents("0"),
            fee: cents("0"),
        },
        transfers: Vec::new(),
    };
    match step {
        Step::Accept { working } => Event::Accepted {
            intake,
            working,
            transfers,
        },
        Step::Reject => Event::Rejected {
            intake,
            reject: Reject::SymbolNotTraded,
            transfers,
        },
        Step::Activate => Event::Activated { order_id },
        Step::FillPart => filled(quantity("1")),
        Step::FillRest => filled(order.leaves()),
        Step::Cancel => Event::Cancelled {
            order_id,
            reason: Reason::Requested,
            transfers,
        },
        Step::Expire => Event::Expired { order_id, transfers },
        Step::Replace { .. } => Event::Replaced {
            order_id,
            terms: limit(Side::Buy, "20", "10", TimeInForce::Day),
            worst_price: Some(price("10")),
            from_quote_seq: 9,
            keeps_priority: false,
            transfers,
        },
        Step::Kill => Event::Cancelled {
            order_id,
            reason: Reason::IocRemainder,
            transfers,
        },
    }
}

#[test]
fn every_event_in_every_state_does_what_the_matrix_says() {
    let mut possible = 0;
    for status in OrderStatus::ALL {
        let state = in_state(*status);
        for step in STEPS {
            let event = event(step, &state);
            let after = apply(&state, &event).map(|after| after.order.unwrap().status);
            match (step, transition(Some(*status), step)) {
                // An order that exists is not taken in a second time.
                (Step::Accept { .. }, expected) => {
                    assert!(expected.is_err());
                    assert_eq!(after, Err(ApplyError::OtherRows));
                }
                // Of what is filled nothing is left to fill.
                (Step::FillPart, Err(_)) if *status == OrderStatus::Filled => {
                    assert_eq!(after, Err(ApplyError::OutOfRange));
                }
                (_, expected) => assert_eq!(after, expected.map_err(ApplyError::from), "{status} {step:?}"),
            }
            possible += u8::from(transition(Some(*status), step).is_ok());
        }
    }
    assert_eq!(possible, 17);
}

/// A command that comes too late or too early says so, or does nothing; it never leaves the table.
#[test]
fn every_command_in_every_state_keeps_to_the_matrix() {
    let commands = [
        (
            "elect",
            Command::Elect {
                quote: quote(9, "20", "20"),
            },
        ),
        ("activate", Command::Activate),
        (
            "reject",
            Command::Reject {
                reject: Reject::SymbolNotTraded,
            },
        ),
        ("fill part", fill(quote(9, "9", "9"), "1")),
        ("fill rest", fill(quote(9, "9", "9"), "100")),
        ("cancel", Command::Cancel),
        ("expire", Command::Expire),
        (
            "replace",
            replace(
                Replacement {
                    quantity: Some(quantity("12")),
                    ..Replacement::default()
                },
                open(quote(9, "11", "12")),
            ),
        ),
        ("kill", Command::Kill),
    ];
    let table = [
        (
            "pending",
            "= submitted rejected = = cancelled expired pending not_immediate",
        ),
        (
            "submitted",
            "= = internal partial filled cancelled expired submitted not_immediate",
        ),
        (
            "partial",
            "= = internal partial filled cancelled expired partial not_immediate",
        ),
        ("filled", "= = closed = = closed closed closed closed"),
        ("cancelled", "= = closed = = closed closed closed closed"),
        ("rejected", "= = closed = = closed closed closed closed"),
        ("expired", "= = closed = = closed closed closed closed"),
    ];
    for (status, row) in table {
        let status: OrderStatus = status.parse().unwrap();
        let state = in_state(status);
        for ((name, command), expected) in commands.iter().zip(row.split(' ')) {
            let found = match decide(&Rules::default(), &state, command) {
                Ok(events) if events.is_empty() => "=",
                Ok(events) => {
                    let after = events.iter().try_fold(state, |state, event| apply(&state, event));
                    after.unwrap().order.unwrap().status.as_str()
                }
                Err(Invalid::OrderClosed { status: closed }) if closed == status => "closed",
                Err(Invalid::NotImmediate) => "not_immediate",
                Err(other) => other.code(),
            };
            assert_eq!(found, expected, "{name} when {status}");
        }
    }
}

#[test]
fn what_an_immediate_order_leaves_can_be_killed() {
    for (time_in_force, reason) in [
        (TimeInForce::Ioc, Reason::IocRemainder),
        (TimeInForce::Fok, Reason::FokUnfilled),
    ] {
        let mut state = in_state(OrderStatus::Submitted);
        let order = state.order.as_mut().unwrap();
        order.intake.terms = limit(Side::Buy, "10", "10", time_in_force);

        let events = decide(&Rules::default(), &state, &Command::Kill).unwrap();

        let after = apply(&state, &events[0]).unwrap();
        let order = after.order.unwrap();
        assert_eq!(
            (order.status, order.reason),
            (OrderStatus::Cancelled, Some(reason))
        );
        assert_eq!(
            (after.cash.held, after.cash.available),
            (cents("0"), cents("1000.00"))
        );
    }
}
