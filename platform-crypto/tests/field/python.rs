//! A second implementation of the format, written from its description in another language, agrees in both directions.

use std::process::Command;

use platform_core::testing::python_with;
use serde::Deserialize;

use crate::corpus::Entry;

#[derive(Deserialize)]
struct Answer {
    opened: usize,
    refused: usize,
    own: Entry,
}

#[test]
fn a_second_implementation_opens_what_we_seal_and_seals_what_we_open() {
    let name = "a_second_implementation_opens_what_we_seal_and_seals_what_we_open";
    let Some(python) = python_with(name, "cryptography") else {
        return;
    };
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");

    let output = Command::new(python)
        .arg(format!("{folder}/python/open_v1.py"))
        .arg(format!("{folder}/corpus/v1.json"))
        .output()
        .unwrap();

    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let answer: Answer = serde_json::from_slice(&output.stdout).unwrap();
    assert!(answer.opened >= 10);
    assert!(answer.refused > 500);
    assert_eq!(answer.own.open().as_deref(), Ok(answer.own.plain()));
}
