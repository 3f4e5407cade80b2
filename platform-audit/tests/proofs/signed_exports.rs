//! Exports that somebody has made smaller, with and without the manifest that the log has signed.

use platform_audit::{ExportManifest, Finding, Report, SignedNote, verify_signed_export};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::export_file::{LOG, Lines, Log};

/// What the log signs of this file.
fn manifest(log: &Log, lines: &Lines, changed: &[(&str, Value)]) -> ExportManifest {
    let file = lines.file();
    let sha256: String = Sha256::digest(&file)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let count = |kind: &str| lines.0.iter().filter(|line| line["kind"] == kind).count();
    let why = |why: &str| lines.0.iter().filter(|line| line["why"] == why).count();
    let mut manifest = json!({
        "export_id": lines.0[0]["export_id"], "format": "platform-audit-export@v1", "filter": {},
        "selection": lines.0[0]["selection"], "first_seq": lines.0[0]["first_seq"],
        "checkpoint_size": lines.0[0]["size"], "events": count("event"), "withheld": why("withheld"),
        "pruned": why("pruned"), "bytes": file.len(), "sha256": sha256,
    });
    for (member, value) in changed {
        manifest[*member] = value.clone();
    }
    let text = format!("platform-audit-manifest@v1\n{LOG}\n{manifest}\n");
    let note = SignedNote::sign(&text, &[&log.signer]).unwrap().to_string();
    ExportManifest::open(&note, &log.trust()).unwrap()
}

fn verify(log: &Log, lines: &Lines, manifest: &ExportManifest) -> Report {
    verify_signed_export(lines.file().as_bytes(), &log.trust(), manifest).unwrap()
}

fn contradicted(members: &[&'static str]) -> Vec<Finding> {
    let mut members = members.to_vec();
    members.sort_unstable();
    let finding = |member| Finding::ManifestContradicted { member };
    members.into_iter().map(finding).collect()
}

#[test]
fn the_file_that_was_signed_is_clean() {
    let log = Log::of(25);
    for lines in [log.whole(0), log.whole(7), log.selected(&[3, 20])] {
        let report = verify(&log, &lines, &manifest(&log, &lines, &[]));
        assert_eq!(report.findings, []);
        assert_eq!(report.proven, Some(log.head(25)));
    }
}

#[test]
fn an_export_that_was_thinned_out_with_its_end_made_anew_is_found_by_its_manifest() {
    let log = Log::of(25);
    let signed = manifest(&log, &log.whole(0), &[]);
    let mut thinned = log.whole(0);
    thinned.hide(4, "withheld");
    thinned.hide(5, "withheld");

    // By itself the file is in order, and shows what it does not show.
    let report = log.verify(&thinned);
    assert_eq!((report.findings, report.withheld), (vec![], 2));

    let report = verify(&log, &thinned, &signed);
    assert_eq!(
        report.findings,
        contradicted(&["events", "withheld", "bytes", "sha256"])
    );
}

#[test]
fn an_export_that_was_made_to_begin_later_is_found_by_its_manifest_and_says_where_it_begins() {
    let log = Log::of(25);
    let signed = manifest(&log, &log.whole(0), &[]);
    assert_eq!(log.verify(&log.whole(0)).first, Some(0));

    let report = log.verify(&log.whole(10));
    assert_eq!((report.findings, report.first), (vec![], Some(10)));

    let report = verify(&log, &log.whole(10), &signed);
    assert_eq!(
        report.findings,
        contradicted(&["first_seq", "events", "bytes", "sha256"])
    );
}

#[test]
fn an_export_that_was_cut_back_to_an_older_checkpoint_is_found_by_its_manifest() {
    let log = Log::of(25);
    let signed = manifest(&log, &log.whole(0), &[]);
    let older = Log {
        signer: log.signer.renamed(log.signer.name().clone()),
        entries: log.entries[..20].to_vec(),
    };

    let report = log.verify(&older.whole(0));
    assert_eq!((report.findings, report.proven), (vec![], Some(log.head(20))));

    let report = verify(&log, &older.whole(0), &signed);
    assert_eq!(
        report.findings,
        contradicted(&["checkpoint_size", "events", "bytes", "sha256"])
    );
}

#[test]
fn a_selection_that_was_thinned_out_is_found_by_its_manifest_and_proves_no_completeness() {
    let log = Log::of(25);
    let signed = manifest(&log, &log.selected(&[3, 11, 20]), &[]);
    let thinned = log.selected(&[3, 20]);

    let report = log.verify(&thinned);
    assert_eq!((report.findings, report.first), (vec![], None));

    let report = verify(&log, &thinned, &signed);
    assert_eq!(report.findings, contradicted(&["events", "bytes", "sha256"]));
}

#[test]
fn a_manifest_of_another_export_or_format_is_contradicted_where_it_differs() {
    let log = Log::of(12);
    let lines = log.whole(0);
    for (member, value) in [
        ("export_id", json!("018f2b6e-7c1a-7d3e-9b1a-000000000000")),
        ("format", json!("platform-audit-csv@v1")),
        ("selection", json!("selected")),
        ("first_seq", json!(1)),
        ("checkpoint_size", json!(11)),
        ("events", json!(11)),
        ("withheld", json!(1)),
        ("pruned", json!(1)),
        ("bytes", json!(1)),
        ("sha256", json!("00")),
    ] {
        let report = verify(&log, &lines, &manifest(&log, &lines, &[(member, value)]));
        assert_eq!(report.findings, contradicted(&[member]));
    }
}

#[test]
fn a_file_that_was_cut_off_is_truncated_and_not_the_one_that_was_signed() {
    let log = Log::of(12);
    let lines = log.whole(0);
    let signed = manifest(&log, &lines, &[]);
    let file = lines.file();
    let report = verify_signed_export(&file.as_bytes()[..file.len() - 1], &log.trust(), &signed).unwrap();
    let mut expected = vec![Finding::ExportTruncated {
        lines: file.lines().count() as u64 - 1,
    }];
    expected.extend(contradicted(&["bytes", "sha256"]));
    assert_eq!(report.findings, expected);
}
