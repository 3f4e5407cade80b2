//! Every cell of the matrix of states and steps.

use trading::{InvalidTransition, OrderStatus, Step, transition};

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
