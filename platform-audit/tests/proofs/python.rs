//! The same formats by another implementation, in another language and from the specifications alone.

use std::ffi::OsStr;
use std::io::Write as _;
use std::process::{Command, Stdio};

use platform_audit::{
    Checkpoint, InclusionProof, LeafHash, Leaves, NoteSigner, ProofBundle, ProofPlan, TreeHead, VerifierKey,
    Verifiers,
};
use platform_core::testing::python_with;
use platform_crypto::Secret;
use serde_json::{Value, json};

use crate::support::{entry, reference_root, signer};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/proofs/python/check.py");

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

#[test]
fn python_accepts_our_proofs_and_we_accept_its_checkpoint() {
    let name = "python_accepts_our_proofs_and_we_accept_its_checkpoint";
    let Some(python) = python_with(name, "cryptography") else {
        return;
    };
    let entries: Vec<_> = (0..13)
        .map(|n| String::from_utf8(entry(n).to_bytes().unwrap()).unwrap())
        .collect();
    let leaves: Vec<_> = entries
        .iter()
        .map(|entry| LeafHash::of(entry.as_bytes()))
        .collect();
    let head = TreeHead {
        size: 13,
        root: reference_root(&leaves),
    };
    let log = signer("audit.example.com/acme");
    let checkpoint = Checkpoint::new(log.name().clone(), head);
    let cases: Vec<_> = (0..13)
        .map(|index| {
            let hashes = ProofPlan::inclusion(index, 13)
                .unwrap()
                .hashes(&Leaves(&leaves))
                .unwrap();
            let proof = InclusionProof { hashes };
            let bundle = ProofBundle {
                index,
                proof,
                checkpoint: checkpoint.sign(&log).unwrap(),
                extra: None,
            };
            json!({
                "entry": entries[usize::try_from(index).unwrap()],
                "proof": bundle.to_string(),
                "origin": log.name().as_str(),
                "vkey": log.verifier_key().to_string(),
            })
        })
        .collect();
    let theirs = Checkpoint::new("python.example/log".parse().unwrap(), head);
    let sign = json!({ "name": "python.example/log", "seed": "07".repeat(32), "text": theirs.to_text() });
    let answer = run(&python, &json!({ "cases": cases, "sign": sign }));

    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    let key: VerifierKey = text("vkey").parse().unwrap();
    assert_eq!(
        Checkpoint::open(&text("note"), theirs.origin(), &Verifiers::from(key.clone())),
        Ok(theirs.clone())
    );
    let same_key = NoteSigner::from_text(&Secret::new(text("skey"))).unwrap();
    assert_eq!(same_key.verifier_key(), key);
    assert_eq!(theirs.sign(&same_key).unwrap().to_string(), text("note"));
}
