//! What a verification found.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};

use serde::Serialize;

use crate::{Finding, ProducerId, ResumePoint, TreeHead};

/// The most findings of one kind that a report lists; the others are counted. One kind cannot crowd out another.
pub const FINDINGS_MAX: usize = 1_000;

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// From which position on the trail is proven to be complete, up to the size of `proven`, but for what the findings name. Of the
    /// positions before it nothing is known, unless an earlier verification has proven them. `None` when nothing is proven, and for a
    /// selected export, which proves single events and not that there were no others.
    pub first: Option<u64>,
    /// The largest signed head that the trail reproduces; `None` when there was none.
    pub proven: Option<TreeHead>,
    /// How many positions the trail has. Those from the size of `proven` on are not proven, whether or not something is wrong.
    pub size: u64,
    /// How many positions at the end are covered by no signed head yet. Where that lasts it is a [`Finding::Unsigned`].
    pub unsigned: u64,
    /// How many events were looked at.
    pub events: u64,
    /// How many events were deleted because their time was over, as proven events say, or an export itself.
    pub pruned: u64,
    /// How many events an export does not show.
    pub withheld: u64,
    /// How many recorded events wait for a position.
    pub pending: u64,
    /// How many numbers of producers nobody has accounted for: a process was killed before it could say whether it had committed
    /// the events of these numbers.
    pub unattested: u64,
    /// Which numbers these are, at most [`FINDINGS_MAX`] runs of them.
    pub unattested_numbers: Vec<ProducerNumbers>,
    /// What would be findings if it had not been [acknowledged](crate::AuditLog::acknowledge) in a proven event; at most
    /// [`FINDINGS_MAX`] of each kind.
    pub acknowledged: Vec<Finding>,
    /// What is wrong, in the order of positions; at most [`FINDINGS_MAX`] of each kind.
    pub findings: Vec<Finding>,
    /// How many findings more there are.
    pub suppressed: u64,
    /// From where the next verification can go on; `None` when nothing is proven.
    pub resume: Option<ResumePoint>,
}

/// Numbers that a process has given to events of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ProducerNumbers {
    /// The process.
    pub producer: ProducerId,
    /// The first of its numbers.
    pub first: u64,
    /// The last.
    pub last: u64,
}

impl Report {
    /// Whether nothing is wrong with what was looked at. Look at `proven` too: a trail without a checkpoint is clean and unproven.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.suppressed == 0
    }
}

/// Findings with a bound.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    of_kind: HashMap<Discriminant<Finding>, usize>,
    suppressed: u64,
}

impl Findings {
    pub(super) fn push(&mut self, finding: Finding) {
        if let Some(last) = self.list.last_mut()
            && last.continues_with(&finding)
        {
            return;
        }
        let of_kind = self.of_kind.entry(discriminant(&finding)).or_default();
        if *of_kind < FINDINGS_MAX {
            *of_kind += 1;
            self.list.push(finding);
        } else {
            self.suppressed = self.suppressed.saturating_add(1);
        }
    }

    /// In order, and how many more there were.
    pub(super) fn into_sorted(mut self) -> (Vec<Finding>, u64) {
        self.list
            .sort_by(|a, b| (a.position(), a).cmp(&(b.position(), b)));
        (self.list, self.suppressed)
    }
}
