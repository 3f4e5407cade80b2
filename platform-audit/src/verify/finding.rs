//! What is wrong with a trail, and where.

use platform_core::uuid::Uuid;

use crate::TreeHead;

/// The most findings that a report lists; the others are counted.
pub const FINDINGS_MAX: usize = 1_000;

/// One thing that is wrong. Positions are sequence numbers, which begin with 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Finding {
    /// The event at this position is not what it was when it was signed.
    Altered {
        /// Its position.
        seq: u64,
        /// What was changed: columns of the event, `entry` for its stored canonical bytes, `leaf` and `tile` for stored hashes.
        /// Which columns of the event is known only where its canonical bytes are still authentic; without them, and without stored
        /// hashes that differ, the list is empty.
        columns: Vec<&'static str>,
    },
    /// The events of these positions are gone.
    Missing {
        /// The first.
        first: u64,
        /// The last.
        last: u64,
    },
    /// An event stands here that was never signed, at this position or at any other near it, or the position is taken twice.
    Inserted {
        /// Its position.
        seq: u64,
    },
    /// An event that has no position and is not waiting for one either: it did not come into the table by the way of events.
    Unsequenced {
        /// Its id.
        id: Uuid,
    },
    /// The events of these positions are authentic, but were signed at others.
    Reordered {
        /// The first position.
        first: u64,
        /// The last.
        last: u64,
        /// Where the event at `first` belongs; the others follow it.
        belongs_at: u64,
    },
    /// The event has the right position, but came after later ones.
    OutOfOrder {
        /// Its position.
        seq: u64,
    },
    /// The trail ends before a size that was signed.
    Truncated {
        /// How many positions there are.
        from: u64,
        /// How many there must be.
        to: u64,
    },
    /// Two signed heads contradict each other: the one of this size is not a beginning of what is signed elsewhere.
    Forked {
        /// The size of the head that does not fit the trail.
        size: u64,
    },
    /// The events up to a signed size do not give the signed root. Whatever was changed lies behind `after`, or no copy of it is
    /// authentic any more.
    RootMismatch {
        /// Up to which size the trail is proven.
        after: u64,
        /// The size whose root does not fit.
        size: u64,
    },
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The largest signed head that the trail reproduces; `None` when there was none.
    pub proven: Option<TreeHead>,
    /// How many positions the trail has. Those from the size of `proven` on are not proven, whether or not something is wrong.
    pub size: u64,
    /// What is wrong, in the order of positions; at most [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// How many findings more there are.
    pub suppressed: u64,
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
    suppressed: u64,
}

impl Findings {
    pub(super) fn push(&mut self, finding: Finding) {
        if let Some(last) = self.list.last_mut()
            && last.continues_with(&finding)
        {
            return;
        }
        if self.list.len() < FINDINGS_MAX {
            self.list.push(finding);
        } else {
            self.suppressed = self.suppressed.saturating_add(1);
        }
    }

    pub(super) fn into_report(mut self, proven: Option<TreeHead>, size: u64) -> Report {
        self.list.sort_by_key(Finding::position);
        Report {
            proven,
            size,
            findings: self.list,
            suppressed: self.suppressed,
        }
    }
}

impl Finding {
    const fn position(&self) -> u64 {
        match self {
            Self::Altered { seq, .. } | Self::Inserted { seq } | Self::OutOfOrder { seq } => *seq,
            Self::Missing { first, .. } | Self::Reordered { first, .. } => *first,
            Self::Truncated { from, .. } => *from,
            Self::Forked { size } | Self::RootMismatch { size, .. } => *size,
            Self::Unsequenced { .. } => u64::MAX,
        }
    }

    /// Widens this finding by the next position, where it is of the same kind.
    fn continues_with(&mut self, next: &Self) -> bool {
        match (self, next) {
            (Self::Missing { last, .. }, Self::Missing { first, last: end })
                if last.checked_add(1) == Some(*first) =>
            {
                *last = *end;
                true
            }
            (
                Self::Reordered {
                    first,
                    last,
                    belongs_at,
                },
                Self::Reordered {
                    first: next,
                    last: end,
                    belongs_at: next_at,
                },
            ) if last.checked_add(1) == Some(*next)
                && next.checked_sub(*first) == next_at.checked_sub(*belongs_at) =>
            {
                *last = *end;
                true
            }
            _ => false,
        }
    }
}
