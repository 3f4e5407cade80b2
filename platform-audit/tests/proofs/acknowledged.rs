//! Gaps that an operator has looked at, and numbers that nobody accounts for.

use platform_audit::{Finding, ProducerNumbers};
use serde_json::json;

use crate::producers::{Trail, producer};

#[test]
fn a_gap_that_was_acknowledged_is_no_finding_and_a_later_one_is() {
    let gap = |first, last| Finding::ProducerGap {
        producer: producer(1),
        first,
        last,
    };
    let acknowledged =
        json!({ "reason": "x", "producer": producer(1).to_string(), "first": 0, "last": u64::MAX });
    let mut trail = Trail::default();
    trail.events(1, [0]).attested(1, 0, 3, &[], &[]).signed();
    trail.told("audit.acknowledge", &acknowledged);
    assert_eq!(trail.gaps(), [(1, 1, 3)], "it is not signed");

    trail.signed();
    let report = trail.verify();
    assert_eq!((report.findings, report.acknowledged), (vec![], vec![gap(1, 3)]));
    let text = report.resume.clone().unwrap().to_string();
    assert_eq!(text.parse(), Ok(report.resume.unwrap()));

    trail.events(1, [2]).attested(1, 4, 5, &[], &[]).signed();
    let report = trail.verify();
    assert_eq!(report.findings, [gap(4, 5)]);
    assert_eq!(report.acknowledged, [gap(1, 1), gap(3, 3)]);
}

#[test]
fn a_malformed_acknowledgement_acknowledges_nothing() {
    let by = producer(1).to_string();
    for detail in [
        json!(null),
        json!({}),
        json!({ "producer": by, "first": 0 }),
        json!({ "producer": by, "first": -1, "last": 9 }),
        json!({ "producer": by, "first": "0", "last": 9 }),
        json!({ "producer": 1, "first": 0, "last": 9 }),
        json!({ "producer": producer(2).to_string(), "first": 0, "last": 9 }),
        json!({ "producer": by, "first": 3, "last": 0 }),
    ] {
        let mut trail = Trail::default();
        trail
            .event(1, 0)
            .attested(1, 0, 3, &[], &[])
            .told("audit.acknowledge", &detail)
            .signed();
        assert_eq!(trail.gaps(), [(1, 1, 3)], "{detail}");
    }
}

#[test]
fn numbers_that_nobody_attests_are_named() {
    let numbers = |by, first, last| ProducerNumbers {
        producer: producer(by),
        first,
        last,
    };
    let mut trail = Trail::default();
    trail.events(1, [0, 1, 5, 9]).events(2, [1]).signed();

    let report = trail.verify();

    assert_eq!(
        report.unattested_numbers,
        [numbers(1, 2, 4), numbers(1, 6, 8), numbers(2, 0, 0)]
    );
    assert_eq!(report.unattested, 7);
}

#[test]
fn an_acknowledgement_excuses_nothing_that_was_attested_after_it() {
    let mut trail = Trail::default();
    let all = json!({ "reason": "x", "producer": producer(1).to_string(), "first": 0, "last": u64::MAX });
    trail.events(1, [0]).attested(1, 0, 1, &[], &[]);
    trail.told("audit.acknowledge", &all);
    // Before the same signed head.
    trail.attested(1, 2, 3, &[], &[]).signed();
    let gap = |first, last| Finding::ProducerGap {
        producer: producer(1),
        first,
        last,
    };

    let report = trail.verify();

    assert_eq!(
        (report.findings, report.acknowledged),
        (vec![gap(2, 3)], vec![gap(1, 1)])
    );
}

#[test]
fn what_an_entry_without_a_seal_claims_is_not_believed() {
    let acknowledged = json!({ "reason": "x", "producer": producer(1).to_string(), "first": 0, "last": 9 });
    let mut trail = Trail::default();
    trail.events(1, [0]).attested(1, 0, 3, &[], &[]).signed();
    trail.told("audit.acknowledge", &acknowledged).unsealed().signed();
    assert_eq!(trail.gaps(), [(1, 1, 3)]);

    let mut trail = Trail::default();
    trail
        .events(1, [0])
        .attested(1, 0, 3, &[], &[])
        .unsealed()
        .signed();
    assert_eq!(trail.gaps(), []);
    trail
        .told("audit.prune", &json!({ "ranges": [[0, 0]] }))
        .unsealed()
        .delete([0])
        .signed();
    let missing = Finding::Missing { first: 0, last: 0 };
    assert!(trail.verify().findings.contains(&missing));
}
