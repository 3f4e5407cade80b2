//! Exports, whole and damaged, verified from their files alone.

use platform_audit::{ExportInvalid, Finding, Report, TreeHead, Trust, verify_export};
use platform_core::Sources;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::export_file::{LOG, Log};
use crate::support::signer;

pub(crate) fn refused(log: &Log, file: &str) -> ExportInvalid {
    verify_export(file.as_bytes(), &log.trust()).unwrap_err()
}

fn clean(report: &Report, log: &Log) {
    assert_eq!(report.findings, []);
    assert_eq!(report.proven, Some(log.head(log.entries.len())));
}

#[test]
fn a_whole_export_is_proven() {
    let log = Log::of(37);
    for first_seq in [0, 1, 10, 32, 36, 37] {
        let report = log.verify(&log.whole(first_seq));
        clean(&report, &log);
        assert_eq!((report.size, report.events), (37, 37 - first_seq as u64));
    }
    let empty = Log::of(0);
    clean(&empty.verify(&empty.whole(0)), &empty);
}

#[test]
fn a_selected_export_is_proven() {
    let log = Log::of(37);
    for seqs in [&[][..], &[0], &[3, 4, 36], &(0..37).collect::<Vec<_>>()] {
        let report = log.verify(&log.selected(seqs));
        clean(&report, &log);
        assert_eq!(report.events, seqs.len() as u64);
    }
}

#[test]
fn events_that_are_not_shown_are_counted_and_the_others_are_proven() {
    let log = Log::of(37);
    let mut lines = log.whole(0);
    for seq in [0, 5, 6] {
        lines.hide(seq, "withheld");
    }

    let report = log.verify(&lines);

    clean(&report, &log);
    assert_eq!((report.events, report.withheld, report.pruned), (34, 3, 0));
}

#[test]
fn an_event_that_the_export_alone_calls_pruned_is_missing() {
    let log = Log::of(37);
    let mut lines = log.whole(0);
    lines.hide(17, "pruned");

    let report = log.verify(&lines);

    assert_eq!(report.findings, [Finding::Missing { first: 17, last: 17 }]);
    assert_eq!((report.events, report.pruned), (36, 0));
}

#[test]
fn a_hash_that_is_not_the_events_is_found() {
    let log = Log::of(37);
    let mut lines = log.whole(0);
    lines.hide(14, "withheld");
    let at = lines.0.iter().position(|line| line["kind"] == "leaf").unwrap();
    lines.0[at]["leaf"] = json!(log.head(3).root.to_base64());

    let report = log.verify(&lines);

    assert_eq!(report.findings, [Finding::RootMismatch { after: 10, size: 20 }]);
}

// A3, A4
#[test]
fn every_changed_removed_added_or_moved_event_is_found() {
    let log = Log::of(37);
    for seq in 0..37_u64 {
        let lines = log.whole(0);
        let after = seq / 10 * 10;
        let size = if after == 30 { 37 } else { after + 10 };
        let mut changed = lines.clone();
        let at = changed.at(seq);
        let text = changed.0[at]["entry"].as_str().unwrap().replace("curl", "wget");
        changed.0[at]["entry"] = json!(text);
        assert_eq!(
            log.verify(&changed).findings,
            [Finding::RootMismatch { after, size }]
        );

        let mut removed = lines.clone();
        let at = removed.at(seq);
        removed.0.remove(at);
        let gone = Finding::Missing {
            first: seq,
            last: seq,
        };
        let cut = Finding::Truncated { from: 36, to: 37 };
        let found = log.verify(&removed).findings;
        assert!(found.contains(if seq == 36 { &cut } else { &gone }), "{found:?}");

        let mut twice = lines.clone();
        let at = twice.at(seq);
        twice.0.insert(at, twice.0[at].clone());
        assert_eq!(log.verify(&twice).findings, [Finding::Inserted { seq }]);

        if seq > 0 && !seq.is_multiple_of(10) {
            let mut moved = lines.clone();
            let at = moved.at(seq);
            moved.0.swap(at - 1, at);
            assert_eq!(
                log.verify(&moved).findings,
                [Finding::OutOfOrder { seq: seq - 1 }]
            );
        }
    }
    let mut longer = log.whole(0);
    longer
        .0
        .push(json!({ "kind": "event", "seq": 37, "entry": "{}" }));
    assert_eq!(log.verify(&longer).findings, [Finding::Inserted { seq: 37 }]);
}

#[test]
fn an_event_that_is_not_under_its_proof_is_found() {
    let log = Log::of(37);
    let lines = log.selected(&[3, 4, 36]);
    let mut altered = lines.clone();
    altered.0[2]["entry"] = altered.0[1]["entry"].clone();
    assert_eq!(log.verify(&altered).findings, [Finding::Unproven { seq: 4 }]);
    let mut elsewhere = lines.clone();
    elsewhere.0[3]["seq"] = json!(35);
    assert_eq!(log.verify(&elsewhere).findings, [Finding::Unproven { seq: 35 }]);
    elsewhere.0[3]["seq"] = json!(u64::MAX);
    assert_eq!(
        log.verify(&elsewhere).findings,
        [Finding::Unproven { seq: u64::MAX }]
    );
    let mut shorter = lines.clone();
    shorter.0[1]["proof"].as_array_mut().unwrap().pop();
    assert_eq!(log.verify(&shorter).findings, [Finding::Unproven { seq: 3 }]);
    let mut twice = lines.clone();
    twice.0.insert(1, lines.0[1].clone());
    assert_eq!(log.verify(&twice).findings, [Finding::Inserted { seq: 3 }]);
    let mut swapped = lines.clone();
    swapped.0.swap(1, 3);
    assert_eq!(
        log.verify(&swapped).findings,
        [Finding::OutOfOrder { seq: 3 }, Finding::OutOfOrder { seq: 4 }]
    );
}

#[test]
fn every_end_that_is_cut_off_is_found() {
    let log = Log::of(3);
    for lines in [log.whole(0), log.selected(&[0, 2])] {
        let file = lines.file();
        let manifest = file.find('\n').unwrap() + 1;
        for kept in 0..file.len() {
            match verify_export(&file.as_bytes()[..kept], &log.trust()) {
                Ok(report) => {
                    let kept_bytes = &file.as_bytes()[..kept];
                    let lines = kept_bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
                    let cut = Finding::ExportTruncated { lines };
                    assert!(kept >= manifest && report.findings.contains(&cut), "{kept}");
                }
                Err(ExportInvalid::NoManifest) => assert!(kept < manifest),
                Err(error) => panic!("{kept}: {error}"),
            }
        }
    }
}

#[test]
fn what_the_last_line_says_is_checked() {
    let log = Log::of(12);
    let mut lines = log.whole(0);
    lines.hide(3, "withheld");
    let (body, end) = lines.parts();
    for (member, wrong) in [
        ("events", json!(12)),
        ("leaves", json!(0)),
        ("sha256", json!("0".repeat(64))),
    ] {
        let mut last: Value = serde_json::from_str(&end).unwrap();
        last[member] = wrong;
        let report = verify_export(format!("{body}{last}\n").as_bytes(), &log.trust()).unwrap();
        assert_eq!(report.findings, [Finding::ExportDamaged { member }]);
    }
    // A member that nothing vouches for, changed together with nothing else.
    let body = body.replace("2026-01-02T03:04:05Z", "2026-01-02T03:04:06Z");
    let report = verify_export(format!("{body}{end}").as_bytes(), &log.trust()).unwrap();
    assert_eq!(report.findings, [Finding::ExportDamaged { member: "sha256" }]);
}

// A2
#[test]
fn an_export_of_another_log_or_by_another_key_is_refused() {
    let log = Log::of(12);
    let file = log.whole(0).file();
    let key = log.signer.verifier_key();
    let other_name = Trust::new("audit.example.com/audit/other".parse().unwrap(), key.clone());
    assert!(matches!(
        verify_export(file.as_bytes(), &other_name),
        Err(ExportInvalid::WrongOrigin { .. })
    ));
    let other_key = platform_audit::NoteSigner::generate(LOG.parse().unwrap(), &Sources::system());
    let trust = Trust::new(LOG.parse().unwrap(), other_key.verifier_key());
    assert!(matches!(
        verify_export(file.as_bytes(), &trust),
        Err(ExportInvalid::Checkpoint(_))
    ));
    // The key that the file names, and its origin, do not matter.
    let renamed = file.replace(LOG, "audit.example.com/audit/other");
    assert!(matches!(
        verify_export(renamed.as_bytes(), &other_name),
        Err(ExportInvalid::Checkpoint(_))
    ));
    let foreign = Log {
        signer: signer("audit.example.com/audit/other"),
        entries: log.entries.clone(),
    };
    let mut manifest = log.whole(0);
    manifest.0[0]["checkpoint"] = json!(foreign.checkpoint(12));
    assert!(matches!(
        refused(&log, &manifest.file()),
        ExportInvalid::Checkpoint(_)
    ));
}

#[test]
fn a_checkpoint_among_the_lines_that_is_not_the_logs_is_found() {
    let log = Log::of(37);
    let mut lines = log.whole(0);
    let at = lines
        .0
        .iter()
        .position(|line| line["kind"] == "checkpoint")
        .unwrap();
    for note in ["no note", &log.checkpoint(10).replacen("\n10\n", "\n11\n", 1)] {
        lines.0[at]["note"] = json!(note);
        assert_eq!(
            log.verify(&lines).findings,
            [Finding::CheckpointForged { size: 10 }]
        );
    }
    lines.0[at]["note"] = json!(log.checkpoint(9));
    assert!(matches!(
        refused(&log, &lines.file()),
        ExportInvalid::OutOfPlace { line: 12 }
    ));
}

// A12
#[test]
fn heads_from_outside_are_compared() {
    let log = Log::of(37);
    let mut other = log.entries.clone();
    other[12] = other[11].clone();
    let rewritten = Log::with(other);
    let published = log.checkpoint(20);
    for lines in [rewritten.whole(0), rewritten.whole(11)] {
        let mut trust = log.trust();
        assert_eq!(
            verify_export(lines.file().as_bytes(), &trust).unwrap().findings,
            []
        );
        trust = trust.witness(&published).unwrap();
        let report = verify_export(lines.file().as_bytes(), &trust).unwrap();
        assert_eq!(report.findings, [Finding::Forked { size: 20 }]);
    }
    // One that is newer than the export or older than its beginning says nothing.
    let newer = log.trust().witness(&Log::of(50).checkpoint(50)).unwrap();
    assert_eq!(
        verify_export(log.whole(0).file().as_bytes(), &newer)
            .unwrap()
            .findings,
        []
    );
    let older = log.trust().witness(&published).unwrap();
    assert_eq!(
        verify_export(rewritten.whole(21).file().as_bytes(), &older)
            .unwrap()
            .findings,
        []
    );
    let mut trust = log.trust();
    trust.witnessed.push(TreeHead {
        size: 37,
        root: log.head(3).root,
    });
    let report = verify_export(log.selected(&[3]).file().as_bytes(), &trust).unwrap();
    assert_eq!(report.findings, [Finding::Forked { size: 37 }]);
}

proptest! {
    #[test]
    fn one_changed_byte_anywhere_is_never_overlooked(at in any::<prop::sample::Index>(), bit in 0..8_u8, whole in any::<bool>()) {
        let log = Log::of(12);
        let lines = if whole { log.whole(0) } else { log.selected(&[0, 7, 11]) };
        let mut bytes = lines.file().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(report) = verify_export(bytes.as_slice(), &log.trust()) {
            prop_assert!(!report.is_clean(), "{at}");
        }
    }

    #[test]
    fn no_text_makes_verifying_an_export_panic(text in any::<String>(), at in any::<prop::sample::Index>()) {
        let log = Log::of(3);
        let file = log.whole(0).file();
        let at = file.floor_char_boundary(at.index(file.len()));
        let _any = verify_export(format!("{}{text}{}", &file[..at], &file[at..]).as_bytes(), &log.trust());
    }
}
