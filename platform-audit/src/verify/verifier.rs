//! The verifier itself.

mod beside;

use std::collections::{BTreeMap, VecDeque};

use super::finding::Finding;
use super::head::HeadRefused;
use super::ledger::{Accounts, Ledger, Rejections, Unaccounted};
use super::position::{Absence, Expected, Hashed, Position};
use super::ranges::{NoCopy, Ranges, TileHash};
use super::report::{Findings, Report};
use super::settle::{Settled, Unsettled};
use crate::{CompactRange, ResumePoint, TreeHead};

/// How many positions may be out of place or in doubt at once. Events that moved further are called altered or inserted, not reordered.
pub const WINDOW: usize = 4_096;

/// How many runs of numbers the positions out of place or in doubt may assert together. One event has some thousand at most.
const RUNS_MAX: usize = 262_144;

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
    expected: Expected,
    pruned_below: u64,
    /// Tiles are among the copies.
    has_tiles: bool,
    ranges: Ranges,
    /// Positions that came before their turn.
    early: BTreeMap<u64, Hashed>,
    /// What these assert.
    early_runs: usize,
    /// Heads of sizes not reached yet.
    heads: VecDeque<TreeHead>,
    /// A head of which nobody has signed that it is one, until it is reached.
    unsigned: Option<TreeHead>,
    /// Its size.
    unsigned_size: u64,
    /// Positions in doubt since the last proven head.
    doubted: Vec<Hashed>,
    /// What these assert.
    doubted_runs: usize,
    unsettled: Vec<Unsettled>,
    settled: Settled,
    ledger: Ledger,
    /// Sizes whose heads did not fit: a fork if a later one does.
    unfit: Vec<u64>,
    /// The size of the largest signed head that was given.
    signed: u64,
    proven: Option<TreeHead>,
    /// The tree of the proven head.
    proven_range: Option<CompactRange>,
    /// Where the trusted part of the tree ends.
    trusted: u64,
    findings: Findings,
    acknowledged: Findings,
    counted: Counted,
}

/// Which copy says what should be at a position in doubt.
#[derive(Debug, Clone, Copy)]
enum Truth {
    /// That of the tree that was signed.
    Proven(usize),
    /// That of the tree whose head is stored.
    Likely(usize),
    /// The most trusted there is.
    Unknown,
}

#[derive(Debug, Default)]
struct Counted {
    events: u64,
    pruned: u64,
    withheld: u64,
    pending: u64,
}

impl Default for Verifier {
    fn default() -> Self {
        Self::new()
    }
}

impl Verifier {
    /// Begins with the first event.
    pub fn new() -> Self {
        Self::resume(ResumePoint {
            range: CompactRange::new(),
            accounts: Some(Accounts::default()),
            rejections: Rejections::default(),
        })
    }

    /// Begins after a tree whose head is trusted, so that only what was added since is looked at: a [`CompactRange`], or what an
    /// earlier [`Report`] gives.
    pub fn resume(trusted: impl Into<ResumePoint>) -> Self {
        let ResumePoint {
            range,
            accounts,
            rejections,
        } = trusted.into();
        Self {
            next: range.size(),
            expected: Expected::default(),
            pruned_below: 0,
            has_tiles: false,
            trusted: range.size(),
            signed: range.size(),
            ranges: Ranges::resume(range),
            early: BTreeMap::new(),
            early_runs: 0,
            heads: VecDeque::new(),
            unsigned: None,
            unsigned_size: 0,
            doubted: Vec::new(),
            doubted_runs: 0,
            unsettled: Vec::new(),
            settled: Settled::default(),
            ledger: Ledger::resume(accounts, rejections),
            unfit: Vec::new(),
            proven: None,
            proven_range: None,
            findings: Findings::default(),
            acknowledged: Findings::default(),
            counted: Counted::default(),
        }
    }

    /// Events below this position may be gone, since their time to be kept is over; their hashes may not.
    #[must_use]
    pub const fn pruned_below(mut self, seq: u64) -> Self {
        self.pruned_below = seq;
        self
    }

    /// Every position has all four copies, as the tables have them: one that is not there was taken away.
    #[must_use]
    pub const fn every_copy(mut self) -> Self {
        self.expected.every_copy = true;
        self.has_tiles = true;
        self.with_accounts()
    }

    /// Keeps what [`take_tile_hashes`](Self::take_tile_hashes) gives.
    #[must_use]
    pub(crate) const fn with_tile_hashes(mut self) -> Self {
        self.expected.tile_hashes = true;
        self
    }

    /// Entries say who recorded them as which of their events, and what lacks of those that a producer attests is found. Rows say so
    /// in any case.
    #[must_use]
    pub const fn with_accounts(mut self) -> Self {
        self.expected.accounts = true;
        self
    }

    /// The position that is looked at next.
    pub const fn next_seq(&self) -> u64 {
        self.next
    }

    /// The size of the largest signed head that was given, or of the tree with which it began.
    pub(crate) const fn signed_size(&self) -> u64 {
        self.signed
    }

    /// Takes the next position.
    pub fn position(&mut self, position: &Position<'_>) {
        let hashed = Hashed::of(position, self.expected);
        let seq = hashed.seq;
        if seq < self.next || self.early.contains_key(&seq) {
            self.findings.push(Finding::Inserted { seq });
            return;
        }
        if seq > self.next {
            self.early_runs = self.early_runs.saturating_add(hashed.runs());
            self.early.insert(seq, hashed);
            if self.early.len() > WINDOW || self.early_runs > RUNS_MAX {
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

    /// Takes a signed head: that of an opened [`Checkpoint`](crate::Checkpoint), never one that is merely stored.
    ///
    /// # Errors
    /// [`HeadRefused`] when it comes at the wrong time. It was not looked at, so nothing that is found may be relied on.
    pub fn head(&mut self, head: TreeHead) -> Result<(), HeadRefused> {
        self.signed = self.signed.max(head.size);
        while self.heads.len() == WINDOW && head.size > self.next && !self.early.is_empty() {
            self.give_up_gap();
        }
        if head.size == self.next {
            self.compare(&head);
        } else if head.size > self.next {
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

    /// Takes the head that is stored beside the tree, which nobody has signed, before its size is reached.
    pub(crate) fn unsigned_head(&mut self, head: TreeHead) {
        self.unsigned = Some(head);
        self.unsigned_size = head.size;
        self.compare_unsigned();
    }

    /// The hashes above level 0 that tiles must have, as far as the trail is certain; in the order of their completion.
    pub(crate) fn take_tile_hashes(&mut self) -> Vec<TileHash> {
        self.ranges.take_completed()
    }

    /// Says what was found.
    pub fn finish(mut self) -> Report {
        self.end_positions();
        let missing = self.heads.back().map(|head| head.size);
        let missing = missing.max(self.unsigned.map(|head| head.size));
        if let Some(to) = missing {
            self.findings.push(Finding::Truncated { from: self.next, to });
        }
        if let Some(size) = self.unfit.first() {
            let after = self.proven_size();
            self.findings.push(Finding::RootMismatch { after, size: *size });
        }
        let pruned = self.ledger.excuse(&mut self.settled.bare);
        self.settled.report(&mut self.findings);
        let resume = self.proven_range.map(|range| ResumePoint {
            range,
            accounts: self.ledger.accounts().cloned(),
            rejections: self.ledger.rejections().clone(),
        });
        let Unaccounted { count, numbers } = self.ledger.close(&mut self.findings, &mut self.acknowledged);
        let (findings, suppressed) = self.findings.into_sorted();
        let (acknowledged, _) = self.acknowledged.into_sorted();
        Report {
            first: self.proven.map(|_| self.trusted),
            proven: self.proven,
            size: self.next,
            unsigned: self.next.saturating_sub(self.signed),
            events: self.counted.events,
            pruned: self.counted.pruned.saturating_add(pruned),
            withheld: self.counted.withheld,
            pending: self.counted.pending,
            unattested: count,
            unattested_numbers: numbers,
            acknowledged,
            findings,
            suppressed,
            resume,
        }
    }

    fn proven_size(&self) -> u64 {
        self.proven.map_or(self.trusted, |head| head.size)
    }

    fn advance(&mut self, mut position: Hashed) {
        self.has_tiles |= position.has_tile();
        position.lacks_tile = self.has_tiles && !position.has_tile();
        self.ranges.append(&position, self.expected.tile_hashes);
        let may_be_pruned = position.seq < self.pruned_below;
        self.count(&position, may_be_pruned);
        if position.is_sound(may_be_pruned) {
            if let (Some(note), _) = position.note(None) {
                self.ledger.note(position.seq, note);
            }
        } else {
            if self.doubted.len() == WINDOW || self.doubted_runs > RUNS_MAX {
                self.resolve_doubts(Truth::Unknown);
            }
            self.doubted_runs = self.doubted_runs.saturating_add(position.runs());
            self.doubted.push(position);
        }
        self.next = self.next.saturating_add(1);
        self.compare_reached();
    }

    fn count(&mut self, position: &Hashed, may_be_pruned: bool) {
        let counted = &mut self.counted;
        let count = match position.absence {
            Some(Absence::Withheld) => &mut counted.withheld,
            // Counted when it is excused.
            Some(Absence::Pruned) => return,
            None if !position.is_missing() => &mut counted.events,
            None if may_be_pruned => &mut counted.pruned,
            None => return,
        };
        *count = count.saturating_add(1);
    }

    fn take_early(&mut self) {
        while let Some(position) = self.early.remove(&self.next) {
            self.early_runs = self.early_runs.saturating_sub(position.runs());
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
            self.next = first;
            self.compare_reached();
        }
        self.take_early();
    }

    fn compare_reached(&mut self) {
        while let Some(head) = self.heads.pop_front_if(|head| head.size <= self.next) {
            self.compare(&head);
        }
        self.compare_unsigned();
    }

    fn compare_unsigned(&mut self) {
        let Some(head) = self.unsigned.take_if(|head| head.size <= self.next) else {
            return;
        };
        match self.ranges.given_by(&head).filter(|_| head.size == self.next) {
            Some(Ok(copy)) => self.resolve_doubts(Truth::Likely(copy)),
            Some(Err(NoCopy)) => self.findings.push(Finding::TreeAltered),
            None => {}
        }
    }

    fn compare(&mut self, head: &TreeHead) {
        let Some(copy) = self.ranges.proven_by(head) else {
            self.unfit(head.size);
            return;
        };
        self.proven = Some(*head);
        self.proven_range = self.ranges.range().cloned();
        for size in std::mem::take(&mut self.unfit) {
            self.findings.push(Finding::Forked { size });
        }
        self.resolve_doubts(Truth::Proven(copy));
        self.ledger.proven();
    }

    fn unfit(&mut self, size: u64) {
        if self.proven.is_some_and(|proven| proven.size == size) {
            self.findings.push(Finding::Forked { size });
        } else if self.unfit.len() < WINDOW {
            self.unfit.push(size);
        }
    }

    /// Decides what should be at the positions in doubt.
    fn resolve_doubts(&mut self, by: Truth) {
        let is_proven = matches!(by, Truth::Proven(_));
        self.doubted_runs = 0;
        for mut position in std::mem::take(&mut self.doubted) {
            // Behind the last tile and the last head, nothing says that the position was ever given.
            let is_behind = position.lacks_tile && position.seq >= self.unsigned_size;
            let truth = match by {
                Truth::Proven(copy) | Truth::Likely(copy) => position.copy_or_other(copy),
                Truth::Unknown if is_behind => None,
                Truth::Unknown => position.copy_or_other(0),
            };
            match position.note(truth.filter(|_| is_proven)) {
                (Some(note), true) => self.ledger.note(position.seq, note),
                (Some(note), false) => self.ledger.saw(&note),
                (None, _) => {}
            }
            self.unsettled.push(Unsettled { position, truth });
        }
        if self.unsettled.len() > 2 * WINDOW {
            self.settle();
        }
    }

    fn settle(&mut self) {
        let unsettled = std::mem::take(&mut self.unsettled);
        self.settled.settle(unsettled, &mut self.findings);
    }

    fn end_positions(&mut self) {
        while !self.early.is_empty() {
            self.give_up_gap();
        }
        self.resolve_doubts(Truth::Unknown);
        self.settle();
    }
}
