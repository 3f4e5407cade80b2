//! The verifier itself.

use std::collections::{BTreeMap, VecDeque};

use platform_core::uuid::Uuid;

use super::finding::{Finding, Findings, Report};
use super::head::HeadRefused;
use super::position::{Hashed, Position};
use super::ranges::Ranges;
use super::settle::{Unsettled, settle};
use crate::{CompactRange, TreeHead};

/// How many positions may be out of place or in doubt at once. Events that moved further are called altered or inserted, not reordered.
pub const WINDOW: usize = 4_096;

/// Goes through a trail from its beginning, or from a tree that is trusted already, and compares it with signed heads.
///
/// It keeps a few hundred hashes and the positions in doubt, whatever the length of the trail. Give it the heads of opened checkpoints
/// in the order of their sizes, each before the position of that number or soon after, and every one there is: the more, the more
/// exact a finding. Heads from outside the database are worth the most.
///
/// ```
/// use platform_audit::{CompactRange, Finding, LeafHash, Position, Verifier};
///
/// let mut signed = CompactRange::new();
/// signed.extend([LeafHash::of(b"one"), LeafHash::of(b"two")])?;
///
/// let mut verifier = Verifier::new();
/// verifier.position(&Position::new(0).entry(b"one").leaf(LeafHash::of(b"one")));
/// verifier.position(&Position::new(1).entry(b"TWO").leaf(LeafHash::of(b"two")));
/// verifier.head(signed.head())?;
/// let report = verifier.finish();
/// assert_eq!(report.findings, [Finding::Altered { seq: 1, columns: vec!["entry"] }]);
/// assert_eq!(report.proven, Some(signed.head()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Verifier {
    next: u64,
    pruned_below: u64,
    /// Tiles are among the copies.
    has_tiles: bool,
    ranges: Ranges,
    /// Positions that came before their turn.
    early: BTreeMap<u64, Hashed>,
    /// Heads of sizes not reached yet.
    heads: VecDeque<TreeHead>,
    /// Positions in doubt since the last proven head.
    doubted: Vec<Hashed>,
    unsettled: Vec<Unsettled>,
    /// Sizes whose heads did not fit: a fork if a later one does.
    unfit: Vec<u64>,
    proven: Option<TreeHead>,
    /// Where the trusted part of the tree ends.
    trusted: u64,
    findings: Findings,
}

impl Default for Verifier {
    fn default() -> Self {
        Self::new()
    }
}

impl Verifier {
    /// Begins with the first event.
    pub fn new() -> Self {
        Self::resume(CompactRange::new())
    }

    /// Begins after a tree whose head is trusted, so that only what was added since is looked at.
    pub fn resume(trusted: CompactRange) -> Self {
        Self {
            next: trusted.size(),
            pruned_below: 0,
            has_tiles: false,
            trusted: trusted.size(),
            ranges: Ranges::Agreed(trusted),
            early: BTreeMap::new(),
            heads: VecDeque::new(),
            doubted: Vec::new(),
            unsettled: Vec::new(),
            unfit: Vec::new(),
            proven: None,
            findings: Findings::default(),
        }
    }

    /// Events below this position may be gone, since their time to be kept is over; their hashes may not.
    #[must_use]
    pub const fn pruned_below(mut self, seq: u64) -> Self {
        self.pruned_below = seq;
        self
    }

    /// The position that is looked at next.
    pub const fn next_seq(&self) -> u64 {
        self.next
    }

    /// Takes the next position.
    pub fn position(&mut self, position: &Position<'_>) {
        let hashed = Hashed::of(position);
        let seq = hashed.seq;
        if seq < self.next || self.early.contains_key(&seq) {
            self.findings.push(Finding::Inserted { seq });
            return;
        }
        if seq > self.next {
            self.early.insert(seq, hashed);
            if self.early.len() > WINDOW {
                self.give_up_gap();
            }
            return;
        }
        if !self.early.is_empty() {
            self.findings.push(Finding::OutOfOrder { seq });
        }
        self.advance(hashed);
        self.take_early();
    }

    /// Takes an event that has no position and is not waiting for one.
    pub fn unsequenced(&mut self, id: Uuid) {
        self.findings.push(Finding::Unsequenced { id });
    }

    /// Takes a signed head: that of an opened [`Checkpoint`](crate::Checkpoint), never one that is merely stored.
    ///
    /// # Errors
    /// [`HeadRefused`] when it comes at the wrong time. It was not looked at, so nothing that is found may be relied on.
    pub fn head(&mut self, head: TreeHead) -> Result<(), HeadRefused> {
        if head.size == self.next {
            self.compare(&head);
        } else if head.size > self.next {
            if self.heads.len() == WINDOW && !self.early.is_empty() {
                self.give_up_gap();
                return self.head(head);
            }
            if self.heads.len() == WINDOW {
                return Err(HeadRefused::TooManyAhead);
            }
            let at = self.heads.partition_point(|other| other.size <= head.size);
            self.heads.insert(at, head);
        } else if self.proven.is_some_and(|proven| proven.size == head.size) {
            if self.proven != Some(head) {
                self.findings.push(Finding::Forked { size: head.size });
            }
        } else if matches!(self.ranges, Ranges::Lost) {
            self.unfit(head.size);
        } else {
            return Err(HeadRefused::TooLate {
                size: head.size,
                next: self.next,
            });
        }
        Ok(())
    }

    /// Says what was found.
    pub fn finish(mut self) -> Report {
        while !self.early.is_empty() {
            self.give_up_gap();
        }
        if let Some(last) = self.heads.back() {
            self.findings.push(Finding::Truncated {
                from: self.next,
                to: last.size,
            });
        }
        if let Some(size) = self.unfit.first() {
            let after = self.proven_size();
            self.findings.push(Finding::RootMismatch { after, size: *size });
        }
        self.resolve_doubts(None);
        settle(self.unsettled, &mut self.findings);
        self.findings.into_report(self.proven, self.next)
    }

    fn proven_size(&self) -> u64 {
        self.proven.map_or(self.trusted, |head| head.size)
    }

    fn advance(&mut self, mut position: Hashed) {
        self.has_tiles |= position.has_tile();
        position.lacks_tile = self.has_tiles && !position.has_tile();
        let agreed = position.agreed(position.seq < self.pruned_below);
        self.ranges.append(&position, agreed);
        if agreed.is_none() {
            if self.doubted.len() == WINDOW {
                self.resolve_doubts(None);
            }
            self.doubted.push(position);
        }
        self.next = self.next.saturating_add(1);
        while let Some(head) = self.heads.pop_front_if(|head| head.size <= self.next) {
            self.compare(&head);
        }
    }

    fn take_early(&mut self) {
        while let Some(position) = self.early.remove(&self.next) {
            self.advance(position);
        }
    }

    /// What has not come by now does not come: the trail goes on behind the gap, unproven.
    fn give_up_gap(&mut self) {
        let Some(first) = self.early.keys().next().copied() else {
            return;
        };
        if first > self.next {
            self.findings.push(Finding::Missing {
                first: self.next,
                last: first - 1,
            });
            self.ranges = Ranges::Lost;
            self.skip_to(first);
        }
        self.take_early();
    }

    fn skip_to(&mut self, seq: u64) {
        self.next = seq;
        while let Some(head) = self.heads.pop_front_if(|head| head.size <= seq) {
            self.compare(&head);
        }
    }

    fn compare(&mut self, head: &TreeHead) {
        let Some(copy) = self.ranges.proven_by(head) else {
            self.unfit(head.size);
            return;
        };
        self.proven = Some(*head);
        for size in std::mem::take(&mut self.unfit) {
            self.findings.push(Finding::Forked { size });
        }
        self.resolve_doubts(Some(copy));
    }

    fn unfit(&mut self, size: u64) {
        if self.proven.is_some_and(|proven| proven.size == size) {
            self.findings.push(Finding::Forked { size });
        } else if self.unfit.len() < WINDOW {
            self.unfit.push(size);
        }
    }

    /// Takes what the proven copy says for the truth about the positions in doubt, or without one what the most trusted says.
    fn resolve_doubts(&mut self, proven: Option<usize>) {
        let resolved = self.doubted.drain(..).map(|position| Unsettled {
            // Behind the last tile and the last head, nothing says that the position was ever given.
            truth: if proven.is_none() && position.lacks_tile {
                None
            } else {
                position.copy_or_other(proven.unwrap_or(0))
            },
            position,
        });
        self.unsettled.extend(resolved);
        if self.unsettled.len() > 2 * WINDOW {
            settle(std::mem::take(&mut self.unsettled), &mut self.findings);
        }
    }
}
