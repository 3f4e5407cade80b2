//! From hashes that differ to what has happened.

use std::collections::{HashMap, HashSet};

use super::finding::Finding;
use super::places::Places;
use super::position::{COPY_NAMES, Hashed, LEAF};
use super::report::Findings;
use crate::LeafHash;

/// How many positions without an event and without a leaf are remembered, to be found again among the events without a position.
const UNPLACED_MAX: usize = 65_536;

/// A position where a copy differs, together with what should be there.
#[derive(Debug)]
pub(super) struct Unsettled {
    pub(super) position: Hashed,
    /// What was signed; `None` when nothing says that anything was.
    pub(super) truth: Option<LeafHash>,
}

/// What is found position by position, and reported as runs in the end.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Positions of which only the hashes are left: missing, unless they were pruned.
    pub(super) bare: Places,
    /// Positions whose events are gone, and not by pruning.
    pub(super) gone: Places,
    /// Positions whose rows in the table of leaves are gone, by what they should hash to: their events may still be there.
    unplaced: HashMap<LeafHash, u64>,
    /// The same of bare positions: their rows may name another event than theirs.
    misled: HashMap<LeafHash, u64>,
    /// Positions that lack a copy, by copy.
    pub(super) lost: [Places; COPY_NAMES.len()],
}

impl Settled {
    /// Says of each position what happened, from the positions at hand: an event that is found at the place of another has moved.
    pub(super) fn settle(&mut self, unsettled: Vec<Unsettled>, findings: &mut Findings) {
        let displaced = |item: &&Unsettled| item.position.found() != item.truth;
        let belongs: HashMap<LeafHash, u64> = unsettled
            .iter()
            .filter(displaced)
            .filter_map(|item| Some((item.truth?, item.position.seq)))
            .collect();
        let found: HashSet<LeafHash> = unsettled
            .iter()
            .filter(displaced)
            .filter_map(|item| item.position.found())
            .collect();
        for Unsettled { position, truth } in unsettled {
            let seq = position.seq;
            let is_elsewhere = truth.is_none_or(|truth| found.contains(&truth));
            if position.is_missing() {
                match truth {
                    Some(truth) if !is_elsewhere => self.missing(&position, truth),
                    // A hash for a position that was never given.
                    None if position.copy_or_other(LEAF).is_some() => {
                        findings.push(Finding::Inserted { seq })
                    }
                    _ => {}
                }
                continue;
            }
            let moved_from = position.found().and_then(|hash| belongs.get(&hash).copied());
            match moved_from.filter(|_| position.found() != truth) {
                Some(belongs_at) => {
                    findings.push(Finding::Reordered {
                        first: seq,
                        last: seq,
                        belongs_at,
                    });
                    if !is_elsewhere {
                        self.gone.insert(seq, seq);
                    }
                }
                None => match truth {
                    Some(truth) if position.found() == Some(truth) || !is_elsewhere => {
                        self.altered(position, truth, findings);
                    }
                    _ => findings.push(Finding::Inserted { seq }),
                },
            }
        }
    }

    fn missing(&mut self, position: &Hashed, truth: LeafHash) {
        let seq = position.seq;
        if position.is_bare() {
            self.bare.insert(seq, seq);
            if self.misled.len() < UNPLACED_MAX {
                self.misled.insert(truth, seq);
            }
        } else if position.lacking().contains(&LEAF) && self.unplaced.len() < UNPLACED_MAX {
            self.unplaced.insert(truth, seq);
        } else {
            self.gone.insert(seq, seq);
        }
    }

    fn altered(&mut self, position: Hashed, truth: LeafHash, findings: &mut Findings) {
        let seq = position.seq;
        let lacking = position.lacking();
        for ((copy, _), lost) in COPY_NAMES.iter().zip(&mut self.lost) {
            if lacking.contains(copy) {
                lost.insert(seq, seq);
            }
        }
        if lacking.is_empty() || !position.is_true(truth) {
            let columns = position.columns_unlike(truth);
            findings.push(Finding::Altered { seq, columns });
        }
    }

    /// An event without a position: the place that it has lost, if it is that of such an event, and whether the place has a row that
    /// names another.
    pub(super) fn place(&mut self, hash: LeafHash) -> Option<(u64, bool)> {
        if let Some(seq) = self.misled.remove(&hash) {
            self.bare.remove(seq, seq);
            return Some((seq, true));
        }
        let seq = self.unplaced.remove(&hash)?;
        for ((copy, _), lost) in COPY_NAMES.iter().zip(&mut self.lost) {
            if *copy == LEAF {
                lost.insert(seq, seq);
            }
        }
        Some((seq, false))
    }

    /// Reports what was not excused.
    pub(super) fn report(mut self, findings: &mut Findings) {
        for (_, seq) in self.unplaced.drain() {
            self.gone.insert(seq, seq);
        }
        self.gone.absorb(self.bare);
        for (first, last) in self.gone.runs() {
            findings.push(Finding::Missing { first, last });
        }
        for ((_, copy), lost) in COPY_NAMES.iter().zip(&self.lost) {
            for (first, last) in lost.runs() {
                findings.push(Finding::CopyLost { copy, first, last });
            }
        }
    }
}
