//! What is stored beside the positions.

use platform_core::uuid::Uuid;

use super::Verifier;
use crate::verify::claim::Note;
use crate::verify::position::Hashed;
use crate::verify::row_state::RowState;
use crate::{Finding, LeafHash, Position, ProducerId, StoredRow};

impl Verifier {
    /// Takes an event that has no position and is not waiting for one: one whose row in the table of leaves is gone, or one that did not
    /// come into the table by the way of events. Give them after all positions.
    pub fn unsequenced(&mut self, id: Uuid) {
        self.findings.push(Finding::Unsequenced { id });
    }

    /// The same, with what there is of the event, so that its place is found if it had one.
    pub(crate) fn stray(&mut self, id: Uuid, row: Option<&StoredRow>, entry: Option<&[u8]>) {
        self.end_positions();
        let bytes = row.and_then(|row| row.entry.to_bytes().ok());
        let hashes = [entry, bytes.as_deref()].map(|bytes| bytes.map(LeafHash::of));
        let placed = hashes
            .into_iter()
            .flatten()
            .find_map(|hash| Some((hash, self.settled.place(hash)?)));
        let Some((truth, (seq, misled))) = placed else {
            self.findings.push(Finding::Unsequenced { id });
            return;
        };
        let position = Position {
            entry,
            row,
            ..Position::new(seq)
        };
        let mut hashed = Hashed::of(&position, self.expected);
        if let (Some(note), _) = hashed.note(Some(truth)) {
            self.ledger.saw(&note);
        }
        let is_true = hashed.is_true(truth);
        if misled || !is_true {
            let mut columns = hashed.columns_unlike(truth);
            columns.extend(misled.then_some("leaf"));
            self.findings.push(Finding::Altered { seq, columns });
        }
    }

    /// Takes an event that waits for its position, by the number that its producer gave it.
    pub(crate) fn pending(&mut self, counter: Option<(ProducerId, u64)>) {
        self.counted.pending = self.counted.pending.saturating_add(1);
        self.ledger.saw(&Note { counter, claim: None });
    }

    /// Takes what was found beside the positions.
    pub(crate) fn found(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Whether an event that was kept out of the tree may have been acknowledged: what its row says is needed then.
    pub(crate) fn knows_acknowledgements(&self) -> bool {
        !self.ledger.rejections().0.is_empty()
    }

    /// Takes an event that was kept out of the tree, with what there is of it.
    pub(crate) fn rejected(&mut self, id: Uuid, reason: &str, row: RowState) {
        let is_acknowledged = self.ledger.is_acknowledged(id, reason, row);
        let finding = Finding::Rejected {
            id,
            reason: reason.into(),
        };
        if is_acknowledged {
            self.acknowledged.push(finding);
        } else {
            self.findings.push(finding);
        }
    }
}
