//! A whole export: every position, as an event or as its hash.

use super::error::ExportInvalid;
use super::line::Line;
use crate::verify::feed::Feed;
use crate::{CompactRange, Finding, Position, Report, TreeHead, Trust, Verifier};

pub(super) struct Whole<'a> {
    verifier: Verifier,
    trust: &'a Trust,
    witnessed: Feed<std::vec::IntoIter<TreeHead>>,
    size: u64,
}

impl<'a> Whole<'a> {
    pub(super) fn new(before: CompactRange, head: TreeHead, trust: &'a Trust) -> Self {
        let first_seq = before.size();
        let mut heads = trust.witnessed_within(first_seq, head.size);
        heads.push(head);
        let verifier = if first_seq == 0 {
            Verifier::new().with_accounts()
        } else {
            Verifier::resume(before)
        };
        Self {
            verifier,
            trust,
            witnessed: Feed::new(heads),
            size: head.size,
        }
    }

    pub(super) fn take(&mut self, line: Line, number: u64) -> Result<(), ExportInvalid> {
        match line {
            Line::Event {
                seq,
                entry,
                proof: None,
            } => self.position(&Position::new(seq).entry(entry.as_bytes()), number),
            Line::Leaf { seq, leaf, why } => {
                self.position(&Position::new(seq).leaf(leaf).absent(why), number)
            }
            Line::Checkpoint { note } => self.checkpoint(&note, number),
            Line::Event { proof: Some(_), .. } | Line::Opened { .. } | Line::End { .. } => {
                Err(ExportInvalid::OutOfPlace { line: number })
            }
        }
    }

    fn position(&mut self, position: &Position<'_>, number: u64) -> Result<(), ExportInvalid> {
        let seq = position.seq;
        if seq >= self.size {
            // Behind the checkpoint, where nothing is proven of whatever stands there.
            self.verifier.found(Finding::Inserted { seq });
            return Ok(());
        }
        let fed = self.witnessed.position(&mut self.verifier, position);
        fed.map_err(|_| ExportInvalid::OutOfPlace { line: number })
    }

    fn checkpoint(&mut self, note: &str, number: u64) -> Result<(), ExportInvalid> {
        let Ok(checkpoint) = self.trust.open(note) else {
            let size = self.verifier.next_seq();
            self.verifier.found(Finding::CheckpointForged { size });
            return Ok(());
        };
        self.verifier
            .head(*checkpoint.head())
            .map_err(|_| ExportInvalid::OutOfPlace { line: number })
    }

    pub(super) fn finish(mut self, beside: Vec<Finding>, number: u64) -> Result<Report, ExportInvalid> {
        let out_of_place = |_| ExportInvalid::OutOfPlace { line: number };
        let behind = self.witnessed.rest(&mut self.verifier).map_err(out_of_place)?;
        if let Some(behind) = behind {
            self.verifier.head(behind).map_err(out_of_place)?;
        }
        for finding in beside {
            self.verifier.found(finding);
        }
        Ok(self.verifier.finish())
    }
}
