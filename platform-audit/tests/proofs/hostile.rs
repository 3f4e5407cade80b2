//! Exports and positions that were made to break a verifier.

use platform_audit::{
    CanonicalJson, EXPORT_LINE_BYTES_MAX, ExportInvalid, Finding, Position, Report, TreeHead, Verifier,
    verify_export,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::export_file::{Lines, Log};
use crate::support::entry;

/// An event that asserts something, in its canonical text.
fn claiming(number: u64, action: &str, detail: &Value) -> String {
    let mut event = entry(number);
    event.action = action.into();
    event.detail = Some(CanonicalJson::from_value(detail).unwrap());
    String::from_utf8(event.to_bytes().unwrap()).unwrap()
}

fn prune(number: u64, ranges: &[(u64, u64)]) -> String {
    claiming(number, "audit.prune", &json!({ "class": "a", "ranges": ranges }))
}

#[test]
fn an_event_at_the_end_of_all_numbers_that_calls_everything_pruned_costs_nothing() {
    for seq in [1 << 40, (1 << 62) - 1, u64::MAX - 1, u64::MAX] {
        let mut verifier = Verifier::new().with_accounts();
        let entry = prune(1, &[(0, u64::MAX), (5, u64::MAX - 1)]);
        verifier.position(&Position::new(seq).entry(entry.as_bytes()));
        let report = verifier.finish();
        assert_eq!(
            report.findings,
            [Finding::Missing {
                first: 0,
                last: seq - 1
            }]
        );
    }
}

#[test]
fn claims_of_any_size_that_the_log_has_signed_are_taken_in_time() {
    let many: Vec<(u64, u64)> = (0..1_200).map(|n| (2 * n, 2 * n)).collect();
    let absurd = json!({
        "class": "a", "ranges": [[0, u64::MAX]], "kept": [[0, u64::MAX]],
        "counters": { "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12": [[0, u64::MAX]] },
    });
    let attest = json!({
        "producer": "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12", "from": 0, "through": u64::MAX,
        "absent": [[1, u64::MAX]], "unknown": [[0, u64::MAX]],
    });
    let mut entries = vec![
        claiming(0, "audit.prune", &absurd),
        claiming(1, "audit.attest", &attest),
    ];
    entries.extend((2..200).map(|number| prune(number, &many)));
    let log = Log::with(entries);

    let report = log.verify(&log.whole(0));

    assert_eq!(report.proven, Some(log.head(200)));
    assert_eq!(report.findings, []);
}

#[test]
fn heads_and_gaps_without_end_neither_exhaust_the_stack_nor_the_memory() {
    let head = |size| TreeHead {
        size,
        root: platform_audit::NodeHash::empty(),
    };
    let mut verifier = Verifier::new();
    for number in 1..=4_000 {
        verifier.position(&Position::new(3 * number).entry(b"x"));
    }
    let mut refused = 0;
    for number in 0..20_000 {
        refused += u32::from(verifier.head(head(20_000 + number)).is_err());
    }
    assert_eq!(refused, 20_000 - 4_096);
    let report = verifier.finish();
    assert_eq!((report.findings.len(), report.suppressed > 0), (1_000 + 1, true));
}

#[test]
fn events_out_of_place_that_assert_much_are_not_all_kept() {
    let many: Vec<(u64, u64)> = (0..1_200).map(|n| (2 * n, 2 * n)).collect();
    let mut verifier = Verifier::new().with_accounts();
    for number in 0..1_000 {
        let entry = prune(number, &many);
        verifier.position(&Position::new(1 + number).entry(entry.as_bytes()));
    }
    // The gap was given up before a window was full of them.
    assert_eq!(verifier.next_seq(), 1_001);
    assert_eq!(
        verifier.finish().findings,
        [Finding::Missing { first: 0, last: 0 }]
    );
}

#[test]
fn the_checkpoint_and_the_proofs_of_another_tree_prove_nothing() {
    let log = Log::of(12);
    let mut another = Log::of(13);
    another.entries.remove(0);
    another.signer = log.signer.renamed(log.signer.name().clone());

    let mut whole = log.whole(0);
    whole.0[0]["checkpoint"] = another.whole(0).0[0]["checkpoint"].clone();
    assert!(!log.verify(&whole).is_clean());
    let mut selected = log.selected(&[3, 7]);
    for at in 1..3 {
        selected.0[at]["proof"] = another.selected(&[3, 7]).0[at]["proof"].clone();
    }
    assert_eq!(
        log.verify(&selected).findings,
        [3, 7].map(|seq| Finding::Unproven { seq })
    );
}

#[test]
fn nesting_and_lengths_without_end_are_refused_with_the_line() {
    let log = Log::of(3);
    let (body, end) = log.whole(0).parts();
    for (line, is_too_long) in [
        (format!("{}{}", "[".repeat(500_000), "]".repeat(500_000)), false),
        (format!("{{\"kind\":{}", "{\"a\":".repeat(200_000)), false),
        ("x".repeat(EXPORT_LINE_BYTES_MAX + 1), true),
        (format!("\"{}", "\\u0000".repeat(EXPORT_LINE_BYTES_MAX / 5)), true),
        (format!("[{}1]", "1,".repeat(400_000)), false),
        (format!("{{{}\"z\":1}}", "\"a\":1,".repeat(100_000)), false),
    ] {
        let file = format!("{body}{line}\n{end}");
        let error = verify_export(file.as_bytes(), &log.trust()).unwrap_err();
        let at = match error {
            ExportInvalid::LineTooLong { line } if is_too_long => line,
            ExportInvalid::NotJson { line, .. } | ExportInvalid::UnknownKind { line } if !is_too_long => line,
            other => panic!("{other:?}"),
        };
        assert_eq!(at, 5);
    }
}

/// Whatever was done to the lines, nothing is missing from an export that is clean and says so.
fn is_whole(log: &Log, report: &Report) -> bool {
    report.events == log.entries.len() as u64 || report.withheld + report.pruned > 0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn lines_that_were_moved_repeated_dropped_or_exchanged_are_found_or_refused(
        steps in prop::collection::vec((0..6_u8, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..5),
        anew in any::<bool>(),
    ) {
        let log = Log::of(25);
        let other = Log::of(31);
        let mut lines = log.whole(0);
        for (kind, one, two) in steps {
            let count = lines.0.len();
            if count < 2 {
                break;
            }
            let (one, two) = (one.index(count), two.index(count));
            match kind {
                0 => { lines.0.remove(one); }
                1 => { let line = lines.0[one].clone(); lines.0.insert(two, line); }
                2 => lines.0.swap(one, two),
                3 => { let taken = other.whole(0).0[one].clone(); lines.0[two] = taken; }
                4 => { let seq = lines.0[one]["seq"].as_u64(); lines.0[one]["seq"] = json!(seq.map_or(0, |seq| seq ^ (1 << (two % 40)))); }
                _ => { let taken = lines.0[two]["entry"].clone(); lines.0[one]["entry"] = taken; }
            }
        }
        let (body, end) = lines.parts();
        let end = if anew { end } else { log.whole(0).parts().1 };
        let is_as_it_was = body == log.whole(0).parts().0;
        match verify_export(format!("{body}{end}").as_bytes(), &log.trust()) {
            // What else was signed by the same key has other events from some position on.
            Ok(report) if report.is_clean() && report.proven == Some(log.head(25)) && report.first == Some(0) => {
                prop_assert!(anew || is_as_it_was);
                prop_assert!(is_whole(&log, &report));
            }
            Ok(_) | Err(_) => {}
        }
    }

    #[test]
    fn a_file_that_was_cut_off_anywhere_is_never_clean(at in any::<prop::sample::Index>(), whole in any::<bool>()) {
        let log = Log::of(12);
        let lines: Lines = if whole { log.whole(0) } else { log.selected(&[0, 7, 11]) };
        let file = lines.file().into_bytes();
        let cut = &file[..at.index(file.len())];
        if let Ok(report) = verify_export(cut, &log.trust()) {
            prop_assert!(!report.is_clean());
        }
    }
}
