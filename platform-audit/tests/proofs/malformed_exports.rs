//! What is no export, or is not in its format, is refused with its line.

use platform_audit::{ExportInvalid, verify_export};
use serde_json::{Value, json};

use crate::export_file::{Lines, Log};
use crate::exports::refused;

/// Replaces a member of the manifest, or of the first line after it.
fn with(lines: &Lines, line: usize, member: &str, value: Value) -> String {
    let mut lines = lines.clone();
    lines.0[line][member] = value;
    lines.file()
}

#[test]
fn what_is_not_in_the_format_is_refused_with_its_line() {
    let log = Log::of(12);
    let (whole, selected) = (log.whole(0), log.selected(&[3]));
    let manifest = |member: &str, value: Value| refused(&log, &with(&whole, 0, member, value));
    let line = |member: &str, value: Value| refused(&log, &with(&whole, 1, member, value));

    assert!(matches!(refused(&log, ""), ExportInvalid::NoManifest));
    assert!(matches!(
        refused(&log, &whole.file()[10..]),
        ExportInvalid::NotJson { line: 1, .. }
    ));
    assert!(matches!(
        manifest("kind", json!("event")),
        ExportInvalid::NoManifest
    ));
    assert!(matches!(
        manifest("format", json!("platform-audit-export@v2")),
        ExportInvalid::UnknownFormat
    ));
    assert!(matches!(
        manifest("format", json!(1)),
        ExportInvalid::UnknownFormat
    ));
    for (member, value) in [
        ("size", json!(11)),
        ("size", json!("12")),
        ("first_seq", json!(13)),
        ("first_seq", json!(-1)),
        ("range", json!(["AA=="])),
        ("range", json!([log.head(1).root.to_base64()])),
        ("selection", json!("some")),
        ("filter", json!([])),
        ("vkey", Value::Null),
        ("pending", json!("0")),
        ("checkpoint", json!(1)),
    ] {
        let error = manifest(member, value);
        assert!(
            matches!(error, ExportInvalid::Member { line: 1, member: found } if found == member),
            "{member}: {error:?}"
        );
    }
    assert!(matches!(
        manifest("more", json!(1)),
        ExportInvalid::UnknownMember { line: 1 }
    ));

    assert!(matches!(
        line("kind", json!("other")),
        ExportInvalid::UnknownKind { line: 2 }
    ));
    assert!(matches!(
        line("kind", json!("manifest")),
        ExportInvalid::OutOfPlace { line: 2 }
    ));
    assert!(matches!(
        line("kind", json!(7)),
        ExportInvalid::Member {
            line: 2,
            member: "kind"
        }
    ));
    assert!(matches!(
        line("more", json!(7)),
        ExportInvalid::UnknownMember { line: 2 }
    ));
    for (member, value) in [
        ("seq", json!("0")),
        ("seq", json!(0.5)),
        ("seq", json!(-1)),
        ("seq", json!(1e30)),
        ("entry", json!({})),
        ("entry", Value::Null),
        ("proof", json!("")),
        ("proof", json!(["x"])),
        ("proof", json!(vec![log.head(1).root.to_base64(); 65])),
    ] {
        let error = line(member, value);
        assert!(
            matches!(error, ExportInvalid::Member { line: 2, member: found } if found == member),
            "{member}: {error:?}"
        );
    }
    assert!(matches!(
        line("proof", json!([])),
        ExportInvalid::OutOfPlace { line: 2 }
    ));
    let mut hidden = selected.clone();
    hidden.hide(3, "withheld");
    assert!(matches!(
        refused(&log, &hidden.file()),
        ExportInvalid::OutOfPlace { line: 2 }
    ));
    let mut why = log.whole(0);
    why.hide(3, "gone");
    assert!(matches!(
        refused(&log, &why.file()),
        ExportInvalid::Member {
            line: 5,
            member: "why"
        }
    ));
    let unproven = selected.file().replace("\"proof\"", "\"prove\"");
    assert!(matches!(
        refused(&log, &unproven),
        ExportInvalid::UnknownMember { line: 2 }
    ));
}

#[test]
fn lines_that_are_no_strict_json_are_refused() {
    let log = Log::of(2);
    let (body, end) = log.whole(0).parts();
    let line = |line: &str| refused(&log, &format!("{body}{line}\n{end}"));
    for text in [
        "",
        "{",
        "{}}",
        r#"{"kind":"event","seq":2,"seq":3,"entry":""}"#,
        r#"{"kind":"event","seq":02,"entry":""}"#,
        r#"{"kind":"event","seq":2,"entry":"\ud800"}"#,
    ] {
        assert!(
            matches!(line(text), ExportInvalid::NotJson { line: 4, .. }),
            "{text}"
        );
    }
    let nested = format!(r#"{{"kind":"event","x":{}{}}}"#, "[".repeat(20), "]".repeat(20));
    assert!(matches!(line(&nested), ExportInvalid::NotJson { line: 4, .. }));
    assert!(matches!(line("[]"), ExportInvalid::UnknownKind { line: 4 }));
    assert!(matches!(
        line(&"x".repeat(1024 * 1024 + 1)),
        ExportInvalid::LineTooLong { line: 4 }
    ));
    assert!(matches!(
        refused(&log, &format!("{body}{}", "x".repeat(1024 * 1024 + 1))),
        ExportInvalid::LineTooLong { line: 4 }
    ));
    let mut bytes = body.clone().into_bytes();
    bytes.extend(b"{\"kind\":\"\xff\"}\n");
    assert!(matches!(
        verify_export(bytes.as_slice(), &log.trust()),
        Err(ExportInvalid::NotText { line: 4 })
    ));
    for behind in ["\n", "x", "{}\n", &end] {
        let file = format!("{body}{end}{behind}");
        assert!(
            matches!(refused(&log, &file), ExportInvalid::OutOfPlace { line: 5 }),
            "{behind}"
        );
    }
}

#[test]
fn a_reader_that_fails_is_not_a_truncated_file() {
    struct Fails;
    impl std::io::Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("gone"))
        }
    }
    let log = Log::of(3);
    let file = log.whole(0).file();
    let reader = std::io::BufReader::new(std::io::Read::chain(&file.as_bytes()[..file.len() / 2], Fails));
    assert!(matches!(
        verify_export(reader, &log.trust()),
        Err(ExportInvalid::Read(_))
    ));
}
