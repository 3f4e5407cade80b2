//! The signed manifest of an export, against the bytes of a file.

use platform_audit::{ExportManifest, ExportManifestInvalid, NoteSigner, SignedNote, Trust};
use platform_core::Sources;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::export_file::{LOG, Log};

const CSV: &str = "seq,leaf,id\r\n0,x,y\r\n";

fn text(origin: &str) -> String {
    let sha256: String = Sha256::digest(CSV)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let manifest = json!({
        "checkpoint_size": 12, "events": 1, "filter": {}, "format": "platform-audit-csv@v1", "sha256": sha256,
    });
    format!("platform-audit-manifest@v1\n{origin}\n{manifest}\n")
}

fn signed(log: &Log, text: &str) -> String {
    SignedNote::sign(text, &[&log.signer]).unwrap().to_string()
}

#[test]
fn a_file_is_the_one_that_its_manifest_was_signed_for() {
    let log = Log::of(0);
    let manifest = ExportManifest::open(&signed(&log, &text(LOG)), &log.trust()).unwrap();

    assert_eq!(manifest.format, "platform-audit-csv@v1");
    assert_eq!((manifest.events, manifest.checkpoint_size), (1, 12));
    assert!(manifest.json.contains("\"filter\":{}"));
    assert!(manifest.check(CSV.as_bytes()).is_ok());
    for other in ["", &CSV[1..], &CSV[..CSV.len() - 1], &CSV.replace('0', "1")] {
        assert!(matches!(
            manifest.check(other.as_bytes()),
            Err(ExportManifestInvalid::AnotherFile)
        ));
    }
}

// A2
#[test]
fn a_manifest_of_another_log_or_key_is_refused() {
    let log = Log::of(0);
    let open = |note: &str| ExportManifest::open(note, &log.trust()).unwrap_err();
    let other = NoteSigner::generate(LOG.parse().unwrap(), &Sources::system());
    let foreign = SignedNote::sign(&text(LOG), &[&other]).unwrap().to_string();
    assert!(matches!(open(&foreign), ExportManifestInvalid::Unverified(_)));
    let elsewhere = signed(&log, &text("audit.example.com/audit/other"));
    assert!(matches!(
        open(&elsewhere),
        ExportManifestInvalid::WrongOrigin { .. }
    ));
    let changed = signed(&log, &text(LOG)).replace("\"events\":1", "\"events\":2");
    assert!(matches!(open(&changed), ExportManifestInvalid::Unverified(_)));
    assert!(matches!(open("no note"), ExportManifestInvalid::Malformed(_)));
    // Signed by a trusted witness alone.
    let witness = NoteSigner::generate("witness.example.com".parse().unwrap(), &Sources::system());
    let note = SignedNote::sign(&text(LOG), &[&witness]).unwrap().to_string();
    let trust = Trust::new(LOG.parse().unwrap(), witness.verifier_key());
    assert!(matches!(
        ExportManifest::open(&note, &trust),
        Err(ExportManifestInvalid::WrongOrigin { .. })
    ));
}

// A5
#[test]
fn a_signed_note_that_is_no_manifest_is_refused() {
    let log = Log::of(3);
    let json = text(LOG).lines().nth(2).unwrap().to_owned();
    let checkpoint = log.checkpoint(3);
    let texts = [
        format!("platform-audit-manifest@v2\n{LOG}\n{json}\n"),
        format!("platform-audit-manifest@v1\n{LOG}\n"),
        format!("platform-audit-manifest@v1\n{LOG}\n{json}\n{json}\n"),
        format!("platform-audit-manifest@v1\n{LOG}\n {json}\n"),
        format!(
            "platform-audit-manifest@v1\n{LOG}\n{}\n",
            json.replacen('{', "{\"events\":1,", 1)
        ),
        format!("platform-audit-manifest@v1\n{LOG}\n{{}}\n"),
    ];
    for note in texts.iter().map(|text| signed(&log, text)).chain([checkpoint]) {
        let error = ExportManifest::open(&note, &log.trust()).unwrap_err();
        assert!(matches!(error, ExportManifestInvalid::NotAManifest), "{note}");
    }
    // And a manifest is no checkpoint.
    assert!(log.trust().witness(&signed(&log, &text(LOG))).is_err());
}
