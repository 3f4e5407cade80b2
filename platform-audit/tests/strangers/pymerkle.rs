//! Roots and proofs by `pymerkle`, a Python package that `.ci/python` installs.

use std::ffi::OsStr;
use std::io::Write as _;
use std::process::{Command, Stdio};

use platform_audit::{InclusionProof, NodeHash, verify_inclusion};
use platform_core::testing::python_with;
use serde_json::{Value, json};

use crate::support::{Log, SIZES};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/strangers/python/merkle.py");

fn run(python: &OsStr, request: &Value) -> Value {
    let mut child = Command::new(python)
        .arg(SCRIPT)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(request.to_string().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the script refuses what it was given");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn hex(hashes: &[NodeHash]) -> Vec<String> {
    hashes.iter().map(ToString::to_string).collect()
}

fn read(hashes: &Value) -> Vec<NodeHash> {
    let byte = |hex: &str, at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
    let hash = |hex: &Value| {
        let hex = hex.as_str().unwrap();
        NodeHash::from_slice(&(0..32).map(|at| byte(hex, at)).collect::<Vec<_>>()).unwrap()
    };
    hashes.as_array().unwrap().iter().map(hash).collect()
}

#[test]
fn pymerkle_accepts_our_proofs_and_makes_the_same() {
    let name = "pymerkle_accepts_our_proofs_and_makes_the_same";
    let Some(python) = python_with(name, "pymerkle") else {
        return;
    };
    let log = Log::of(300);
    let sizes = || SIZES.into_iter().filter(|size| *size <= 300);
    let places: Vec<(u64, u64)> = sizes()
        .flat_map(|size| [(0, size), (size / 2, size), (size - 1, size)])
        .collect();
    let pairs: Vec<(u64, u64)> = sizes()
        .flat_map(|new| sizes().filter(move |old| *old <= new).map(move |old| (old, new)))
        .collect();
    let inclusions: Vec<_> = places
        .iter()
        .map(|(index, size)| {
            let root = log.head(*size).root.to_string();
            json!({ "index": index, "size": size, "root": root, "hashes": hex(&log.inclusion(*index, *size)) })
        })
        .collect();
    let consistencies: Vec<_> = pairs
        .iter()
        .map(|(old, new)| {
            let (old_root, new_root) = (log.head(*old).root.to_string(), log.head(*new).root.to_string());
            json!({ "old": old, "new": new, "old_root": old_root, "new_root": new_root })
        })
        .collect();

    let request = json!({ "entries": log.entries, "inclusions": inclusions, "consistencies": consistencies });
    let answer = run(&python, &request);

    for ((index, size), made) in places.iter().zip(answer.as_array().unwrap()) {
        let proof = InclusionProof { hashes: read(made) };
        assert_eq!(proof.hashes, log.inclusion(*index, *size));
        assert_eq!(
            verify_inclusion(log.leaf(*index), *index, &log.head(*size), &proof),
            Ok(()),
            "{index} of {size}"
        );
    }
}
