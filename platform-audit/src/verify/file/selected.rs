//! A selected export: events here and there, each with its own proof.

use super::error::ExportInvalid;
use super::line::Line;
use crate::verify::report::Findings;
use crate::{Finding, LeafHash, Report, TreeHead, Trust, verify_inclusion};

pub(super) struct Selected {
    head: TreeHead,
    /// The position of the last event.
    last: Option<u64>,
    events: u64,
    findings: Findings,
}

impl Selected {
    pub(super) fn new(head: TreeHead, trust: &Trust) -> Self {
        let mut findings = Findings::default();
        for witnessed in trust.witnessed_within(head.size, head.size) {
            if witnessed != head {
                findings.push(Finding::Forked { size: head.size });
            }
        }
        Self {
            head,
            last: None,
            events: 0,
            findings,
        }
    }

    pub(super) fn take(&mut self, line: Line, number: u64) -> Result<(), ExportInvalid> {
        let (seq, entry, proof) = match line {
            Line::Event {
                seq,
                entry,
                proof: Some(proof),
            } => (seq, entry, proof),
            Line::Opened { seq } if self.last == Some(seq) => return Ok(()),
            _ => return Err(ExportInvalid::OutOfPlace { line: number }),
        };
        self.events += 1;
        match self.last {
            Some(last) if seq == last => self.findings.push(Finding::Inserted { seq }),
            Some(last) if seq < last => self.findings.push(Finding::OutOfOrder { seq }),
            _ => self.last = Some(seq),
        }
        let leaf = LeafHash::of(entry.as_bytes());
        if verify_inclusion(leaf, seq, &self.head, &proof).is_err() {
            self.findings.push(Finding::Unproven { seq });
        }
        Ok(())
    }

    pub(super) fn finish(mut self, beside: Vec<Finding>) -> Report {
        for finding in beside {
            self.findings.push(finding);
        }
        let (findings, suppressed) = self.findings.into_sorted();
        Report {
            first: None,
            proven: Some(self.head),
            size: self.head.size,
            unsigned: 0,
            events: self.events,
            pruned: 0,
            withheld: 0,
            pending: 0,
            unattested: 0,
            unattested_numbers: Vec::new(),
            acknowledged: Vec::new(),
            findings,
            suppressed,
            resume: None,
        }
    }
}
