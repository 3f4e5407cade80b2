//! What producers say they have recorded, against what is there.

use std::collections::{BTreeMap, BTreeSet};

use platform_core::uuid::Uuid;

use super::claim::{Acknowledged, Attestation, Claim, Note, Pruning, Run};
use super::finding::Finding;
use super::places::Places;
use super::report::{FINDINGS_MAX, Findings, ProducerNumbers};
use super::row_state::RowState;
use super::spans::Spans;
use crate::ProducerId;

/// The most producers whose accounts are kept, so that a file of made-up ones cannot fill the memory. The numbers of further ones are
/// accounted for by nobody.
const PRODUCERS_MAX: usize = 100_000;

/// The most acknowledgements that are known. What others acknowledge stays a finding.
const ACKNOWLEDGED_MAX: usize = 10_000;

/// The most runs of numbers that are kept for acknowledgements that are not proven yet. Further ones acknowledge only what was owed at
/// the head before.
const ACKNOWLEDGED_RUNS_MAX: usize = 262_144;

/// The accounts of all producers of a trail, as far as the trail is proven.
///
/// Of each it keeps the numbers it has heard of as runs, which is one run as long as everything is accounted for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Accounts(pub(super) BTreeMap<ProducerId, Account>);

/// The account of one producer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Account {
    /// Every number that an event has, or that was attested as whatever.
    pub(super) heard_of: Spans,
    /// Numbers that were attested as committed, and that no event has.
    pub(super) owed: Spans,
    /// Numbers of which the producer itself does not know, and that no event has.
    pub(super) unsure: Spans,
    /// Numbers whose events were not committed, as the producer says: none may ever have an event.
    pub(super) void: Spans,
    /// Numbers that an event has.
    pub(super) here: Spans,
    /// Numbers that were owed when an operator acknowledged that their events are gone.
    pub(super) excused: Spans,
}

/// Events that were kept out of the tree and that an operator has looked at: with the reason, and with what the row said, so that one
/// that is altered afterwards is not meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rejections(pub(super) BTreeSet<(Uuid, Box<str>, RowState)>);

/// What is left when the accounts are closed.
#[derive(Debug, Default)]
pub(super) struct Unaccounted {
    pub(super) count: u64,
    pub(super) numbers: Vec<ProducerNumbers>,
}

/// What was seen since the trail was last proven.
#[derive(Debug, Default)]
struct Unproven {
    accounts: BTreeMap<ProducerId, Seen>,
    /// As runs: an event that nobody has signed may name positions up to any number.
    pruned: Spans,
    /// What an earlier event called pruned, and a later one did not.
    kept: Spans,
    acknowledged: Vec<Acknowledgement>,
    /// As how many runs their numbers are kept.
    acknowledged_runs: usize,
    /// Behind the last position that said anything.
    told_to: u64,
    /// Numbers of producers for which there was no room.
    unkept: u64,
}

/// What is acknowledged, with the numbers that were attested between the last proof and this event.
#[derive(Debug)]
struct Acknowledgement {
    what: Acknowledged,
    attested: Spans,
}

#[derive(Debug, Default)]
struct Seen {
    here: Spans,
    pruned: Spans,
    committed: Spans,
    absent: Spans,
    unknown: Spans,
}

/// Collects notes, and believes those of proven events.
#[derive(Debug)]
pub(super) struct Ledger {
    /// None where the beginning of the trail is not known: then nobody can say what is lacking.
    accounts: Option<Accounts>,
    unproven: Unproven,
    pruned: Places,
    rejections: Rejections,
    /// Numbers of producers for which there was no room.
    unkept: u64,
}

impl Ledger {
    pub(super) fn resume(accounts: Option<Accounts>, rejections: Rejections) -> Self {
        Self {
            accounts,
            unproven: Unproven::default(),
            pruned: Places::default(),
            rejections,
            unkept: 0,
        }
    }

    /// Takes what an event says that is authentic once the trail around it is proven.
    pub(super) fn note(&mut self, seq: u64, note: Note) {
        self.saw(&note);
        match note.claim.map(|claim| *claim) {
            Some(Claim::Attested(attestation)) => self.unproven.attested(attestation),
            Some(Claim::Pruned(pruning)) => self.unproven.pruned(seq, pruning),
            Some(Claim::Acknowledged(acknowledged)) => self.unproven.acknowledged(seq, acknowledged),
            None => {}
        }
        self.unproven.told_to = self.unproven.told_to.max(seq.saturating_add(1));
    }

    /// Takes that an event is there, whatever it says.
    pub(super) fn saw(&mut self, note: &Note) {
        if let Some((producer, counter)) = note.counter {
            match self.unproven.account(producer) {
                Some(seen) => seen.here.insert(counter, counter),
                None => self.unproven.unkept = self.unproven.unkept.saturating_add(1),
            }
        }
    }

    /// Everything up to here is proven.
    pub(super) fn proven(&mut self) {
        let Unproven {
            accounts,
            pruned,
            kept,
            mut acknowledged,
            acknowledged_runs: _,
            told_to: _,
            unkept,
        } = std::mem::take(&mut self.unproven);
        for Acknowledgement { what, attested } in &mut acknowledged {
            if let Acknowledged::Gap { producer, run } = what {
                self.add_owed(*producer, *run, attested);
            }
        }
        for (first, last) in kept.runs() {
            self.pruned.remove(first, last);
        }
        for (first, last) in pruned.runs() {
            self.pruned.insert(first, last);
        }
        self.unkept = self.unkept.saturating_add(unkept);
        if let Some(Accounts(known)) = &mut self.accounts {
            for (producer, seen) in accounts {
                if known.len() < PRODUCERS_MAX || known.contains_key(&producer) {
                    known.entry(producer).or_default().add(&seen);
                } else {
                    self.unkept = self.unkept.saturating_add(seen.here.count());
                }
            }
        }
        for acknowledged in acknowledged {
            self.acknowledge(acknowledged);
        }
    }

    /// Adds to what was attested since the last proof what was owed by then.
    fn add_owed(&self, producer: ProducerId, (first, last): Run, attested: &mut Spans) {
        let known = self.accounts.as_ref().map(|Accounts(known)| known);
        if let Some(account) = known.and_then(|known| known.get(&producer)) {
            for (first, last) in account.owed.within(first, last) {
                attested.insert(first, last);
            }
        }
    }

    /// What is owed by now is excused as far as it was attested before the acknowledgement.
    fn acknowledge(&mut self, Acknowledgement { what, attested }: Acknowledgement) {
        match what {
            Acknowledged::Rejected { id, reasons, row } => {
                for reason in reasons {
                    if self.rejections.0.len() < ACKNOWLEDGED_MAX {
                        self.rejections.0.insert((id, reason, row));
                    }
                }
            }
            Acknowledged::Gap { producer, .. } => {
                let accounts = self.accounts.as_mut().map(|Accounts(known)| known);
                if let Some(account) = accounts.and_then(|known| known.get_mut(&producer)) {
                    for run in attested.runs() {
                        account.excuse(run);
                    }
                }
            }
        }
    }

    /// Whether an operator has looked at this event, kept out for this reason, as it stands now.
    pub(super) fn is_acknowledged(&self, id: Uuid, reason: &str, row: RowState) -> bool {
        self.rejections.0.contains(&(id, reason.into(), row))
    }

    /// What was acknowledged, as of the last proof.
    pub(super) const fn rejections(&self) -> &Rejections {
        &self.rejections
    }

    /// Takes the pruned positions out of those that are gone, and says how many they were.
    pub(super) fn excuse(&self, gone: &mut Places) -> u64 {
        gone.remove_all(&self.pruned)
    }

    /// The accounts as of the last proof.
    pub(super) const fn accounts(&self) -> Option<&Accounts> {
        self.accounts.as_ref()
    }

    /// Reports the gaps, those that were acknowledged apart, and says which numbers nobody has accounted for.
    pub(super) fn close(self, findings: &mut Findings, acknowledged: &mut Findings) -> Unaccounted {
        let mut unaccounted = Unaccounted {
            count: self.unkept.saturating_add(self.unproven.unkept),
            numbers: Vec::new(),
        };
        for (producer, mut account) in self.accounts.unwrap_or_default().0 {
            // Not proven yet, but not gone either.
            if let Some(seen) = self.unproven.accounts.get(&producer) {
                account.found(&seen.here);
            }
            for (first, last) in account.contradicted() {
                findings.push(Finding::ProducerContradicted {
                    producer,
                    first,
                    last,
                });
            }
            for (gaps, into) in [
                (&account.owed, &mut *findings),
                (&account.excused, &mut *acknowledged),
            ] {
                for (first, last) in gaps.runs() {
                    into.push(Finding::ProducerGap {
                        producer,
                        first,
                        last,
                    });
                }
            }
            for (first, last) in account.unattested().runs() {
                unaccounted.add(ProducerNumbers {
                    producer,
                    first,
                    last,
                });
            }
        }
        unaccounted
    }
}

impl Unaccounted {
    fn add(&mut self, numbers: ProducerNumbers) {
        let count = (numbers.last - numbers.first).saturating_add(1);
        self.count = self.count.saturating_add(count);
        if self.numbers.len() < FINDINGS_MAX {
            self.numbers.push(numbers);
        }
    }
}

impl Unproven {
    /// What was seen of a producer; `None` when there is no room for another.
    fn account(&mut self, producer: ProducerId) -> Option<&mut Seen> {
        if self.accounts.len() >= PRODUCERS_MAX && !self.accounts.contains_key(&producer) {
            return None;
        }
        Some(self.accounts.entry(producer).or_default())
    }

    fn acknowledged(&mut self, seq: u64, what: Acknowledged) {
        if self.acknowledged.len() >= ACKNOWLEDGED_MAX {
            return;
        }
        let mut attested = Spans::default();
        // What is taken out of turn comes after what stands behind it.
        if let Acknowledged::Gap { producer, run } = &what
            && seq >= self.told_to
            && let Some(seen) = self.accounts.get(producer)
        {
            let runs = seen.committed.within(run.0, run.1);
            self.acknowledged_runs = self.acknowledged_runs.saturating_add(runs.len());
            if self.acknowledged_runs <= ACKNOWLEDGED_RUNS_MAX {
                for (first, last) in runs {
                    attested.insert(first, last);
                }
            }
        }
        self.acknowledged.push(Acknowledgement { what, attested });
    }

    fn attested(&mut self, attestation: Attestation) {
        let Some(seen) = self.account(attestation.producer) else {
            return;
        };
        let mut committed = Spans::default();
        committed.insert(attestation.from, attestation.through);
        for (runs, into) in [
            (attestation.absent, &mut seen.absent),
            (attestation.unknown, &mut seen.unknown),
        ] {
            for (first, last) in runs {
                committed.remove(first, last);
                into.insert(first.max(attestation.from), last.min(attestation.through));
            }
        }
        for (first, last) in committed.runs() {
            seen.committed.insert(first, last);
        }
    }

    /// An event can only tell of deletions before it.
    fn pruned(&mut self, seq: u64, pruning: Pruning) {
        let Some(before) = seq.checked_sub(1) else { return };
        for (first, last) in pruning.positions {
            self.pruned.insert(first, last.min(before));
            self.kept.remove(first, last.min(before));
        }
        for (first, last) in pruning.kept {
            self.kept.insert(first, last.min(before));
            self.pruned.remove(first, last.min(before));
        }
        for (producer, runs) in pruning.counters {
            let Some(seen) = self.account(producer) else {
                continue;
            };
            for (first, last) in runs {
                seen.pruned.insert(first, last);
            }
        }
    }
}

impl Account {
    fn add(&mut self, seen: &Seen) {
        for (first, last) in seen.absent.runs() {
            self.void.insert(first, last);
        }
        self.found(&seen.here);
        for (first, last) in seen.pruned.runs() {
            self.owed.remove(first, last);
            self.unsure.remove(first, last);
            self.heard_of.insert(first, last);
        }
        // Should a producer contradict itself: what was absent once stays so, and what it was unsure of it may know later.
        for (first, last) in seen.committed.runs() {
            for (first, last) in self.heard_of.holes(first, last) {
                self.owed.insert(first, last);
            }
            for (first, last) in self.unsure.within(first, last) {
                self.owed.insert(first, last);
            }
            self.unsure.remove(first, last);
            self.heard_of.insert(first, last);
        }
        for (first, last) in seen.absent.runs() {
            self.owed.remove(first, last);
            self.unsure.remove(first, last);
            self.heard_of.insert(first, last);
        }
        for (first, last) in seen.unknown.runs() {
            for (first, last) in self.heard_of.holes(first, last) {
                self.unsure.insert(first, last);
            }
            self.heard_of.insert(first, last);
        }
    }

    fn found(&mut self, here: &Spans) {
        for (first, last) in here.runs() {
            self.here.insert(first, last);
            self.owed.remove(first, last);
            self.excused.remove(first, last);
            self.unsure.remove(first, last);
            self.heard_of.insert(first, last);
        }
    }

    /// The numbers that were not committed, as their producer says, and that an event has.
    fn contradicted(&self) -> Vec<(u64, u64)> {
        let void = self.void.runs();
        void.flat_map(|(first, last)| self.here.within(first, last))
            .collect()
    }

    fn excuse(&mut self, (first, last): (u64, u64)) {
        for (first, last) in self.owed.within(first, last) {
            self.owed.remove(first, last);
            self.excused.insert(first, last);
        }
    }

    /// Up to the last number that was heard of: of further ones, whose events and attestations are both gone, nothing tells.
    fn unattested(&self) -> Spans {
        let mut unattested = self.unsure.clone();
        let last = self.heard_of.last();
        let holes = last.map_or(Vec::new(), |last| self.heard_of.holes(0, last));
        for (first, last) in holes {
            unattested.insert(first, last);
        }
        unattested
    }
}
