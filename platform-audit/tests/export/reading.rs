//! An export as a stranger reads it.

use platform_audit::{Checkpoint, CompactRange, LeafHash, NodeHash, TreeHead, Verifiers};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::Place;

pub(crate) fn parsed(export: &str) -> Vec<Value> {
    assert!(export.ends_with('\n'));
    export
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) fn hash(value: &Value) -> NodeHash {
    NodeHash::from_base64(value.as_str().unwrap()).unwrap()
}

pub(crate) fn hashes(value: &Value) -> Vec<NodeHash> {
    value.as_array().unwrap().iter().map(hash).collect()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

pub(crate) fn opened(place: &Place, note: &Value) -> TreeHead {
    let origin = place.key.origin(place.tenant);
    let trusted = Verifiers::from(place.key.verifier(place.tenant));
    *Checkpoint::open(note.as_str().unwrap(), &origin, &trusted)
        .unwrap()
        .head()
}

/// The last line counts and hashes what stands before it.
pub(crate) fn assert_ends_well(export: &str, lines: &[Value]) {
    let count = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).count();
    let before = &export[..export.trim_end().rfind('\n').unwrap() + 1];
    let end = lines.last().unwrap();
    assert_eq!(
        *end,
        json!({ "kind": "end", "events": count("event"), "leaves": count("leaf"), "sha256": sha256(before.as_bytes()) })
    );
}

/// The tree that a whole export rebuilds, compared with every checkpoint on the way.
pub(crate) fn rebuilt(place: &Place, lines: &[Value]) -> CompactRange {
    let mut range = CompactRange::from_parts(
        lines[0]["first_seq"].as_u64().unwrap(),
        hashes(&lines[0]["range"]),
    )
    .unwrap();
    for line in &lines[1..lines.len() - 1] {
        let leaf = match line["kind"].as_str().unwrap() {
            "checkpoint" => {
                assert_eq!(opened(place, &line["note"]), range.head());
                continue;
            }
            "event" => LeafHash::of(line["entry"].as_str().unwrap().as_bytes()),
            "leaf" => LeafHash::from_bytes(*hash(&line["leaf"]).as_bytes()),
            other => panic!("{other}"),
        };
        assert_eq!(line["seq"], range.size());
        range.append(leaf).unwrap();
    }
    range
}

pub(crate) fn of_kind<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}
