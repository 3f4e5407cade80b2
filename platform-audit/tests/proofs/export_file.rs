//! A writer of `platform-audit-export@v1` of the tests' own, to damage what it writes.

use platform_audit::{
    Checkpoint, CompactRange, InclusionProof, LeafHash, Leaves, NoteSigner, ProofPlan, Report, TreeHead,
    Trust, verify_export,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::{entry, signer};

pub(crate) const LOG: &str = "audit.example.com/audit/acme";

/// A log of events, and its key.
pub(crate) struct Log {
    pub(crate) signer: NoteSigner,
    pub(crate) entries: Vec<String>,
}

/// The lines of an export without the last.
#[derive(Clone)]
pub(crate) struct Lines(pub(crate) Vec<Value>);

impl Log {
    pub(crate) fn of(count: u64) -> Self {
        Self::with(
            (0..count)
                .map(|n| String::from_utf8(entry(n).to_bytes().unwrap()).unwrap())
                .collect(),
        )
    }

    pub(crate) fn with(entries: Vec<String>) -> Self {
        Self {
            signer: signer(LOG),
            entries,
        }
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::new(self.signer.name().clone(), self.signer.verifier_key())
    }

    fn leaves(&self) -> Vec<LeafHash> {
        self.entries
            .iter()
            .map(|entry| LeafHash::of(entry.as_bytes()))
            .collect()
    }

    pub(crate) fn range(&self, size: usize) -> CompactRange {
        let mut range = CompactRange::new();
        range.extend(self.leaves()[..size].iter().copied()).unwrap();
        range
    }

    pub(crate) fn head(&self, size: usize) -> TreeHead {
        self.range(size).head()
    }

    pub(crate) fn checkpoint(&self, size: usize) -> String {
        let checkpoint = Checkpoint::new(self.signer.name().clone(), self.head(size));
        checkpoint.sign(&self.signer).unwrap().to_string()
    }

    fn manifest(&self, selection: &str, first_seq: usize) -> Value {
        let range: Vec<_> = self
            .range(first_seq)
            .hashes()
            .iter()
            .map(|hash| hash.to_base64())
            .collect();
        json!({
            "kind": "manifest", "format": "platform-audit-export@v1", "export_id": "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12",
            "origin": LOG, "tenant_id": "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a13", "made_at": "2026-01-02T03:04:05Z",
            "filter": {}, "selection": selection, "first_seq": first_seq, "size": self.entries.len(), "range": range,
            "pending": 0, "vkey": self.signer.verifier_key().to_string(), "checkpoint": self.checkpoint(self.entries.len()),
        })
    }

    /// Every position from `first_seq` on, with checkpoints at every tenth.
    pub(crate) fn whole(&self, first_seq: usize) -> Lines {
        let mut lines = vec![self.manifest("whole", first_seq)];
        for (seq, entry) in self.entries.iter().enumerate().skip(first_seq) {
            if seq % 10 == 0 && seq > 0 {
                lines.push(json!({ "kind": "checkpoint", "note": self.checkpoint(seq) }));
            }
            lines.push(json!({ "kind": "event", "seq": seq, "entry": entry }));
        }
        Lines(lines)
    }

    /// These events with their proofs.
    pub(crate) fn selected(&self, seqs: &[usize]) -> Lines {
        let leaves = self.leaves();
        let mut lines = vec![self.manifest("selected", 0)];
        for seq in seqs {
            let plan = ProofPlan::inclusion(*seq as u64, leaves.len() as u64).unwrap();
            let proof = InclusionProof {
                hashes: plan.hashes(&Leaves(&leaves)).unwrap(),
            };
            let proof: Vec<_> = proof.hashes.iter().map(|hash| hash.to_base64()).collect();
            lines.push(json!({ "kind": "event", "seq": seq, "entry": self.entries[*seq], "proof": proof }));
        }
        Lines(lines)
    }

    pub(crate) fn verify(&self, lines: &Lines) -> Report {
        verify_export(lines.file().as_bytes(), &self.trust()).unwrap()
    }
}

impl Lines {
    /// The lines before the last, and the last as it should be.
    pub(crate) fn parts(&self) -> (String, String) {
        let body: String = self.0.iter().map(|line| format!("{line}\n")).collect();
        let count = |kind: &str| self.0.iter().filter(|line| line["kind"] == kind).count();
        let sha256: String = Sha256::digest(&body)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let end =
            json!({ "kind": "end", "events": count("event"), "leaves": count("leaf"), "sha256": sha256 });
        (body, format!("{end}\n"))
    }

    pub(crate) fn file(&self) -> String {
        let (body, end) = self.parts();
        body + &end
    }

    /// The line of the event at this position.
    pub(crate) fn at(&mut self, seq: u64) -> usize {
        let found = self
            .0
            .iter()
            .position(|line| line["kind"] == "event" && line["seq"] == seq);
        found.unwrap()
    }

    /// Replaces the event at this position by its hash.
    pub(crate) fn hide(&mut self, seq: u64, why: &str) {
        let at = self.at(seq);
        let leaf = LeafHash::of(self.0[at]["entry"].as_str().unwrap().as_bytes());
        let leaf = platform_audit::NodeHash::from(leaf).to_base64();
        self.0[at] = json!({ "kind": "leaf", "seq": seq, "leaf": leaf, "why": why });
    }
}
