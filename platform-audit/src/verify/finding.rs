//! What is wrong with a trail, and where.

use platform_core::uuid::Uuid;
use serde::Serialize;

use crate::ProducerId;

/// One thing that is wrong. Positions are sequence numbers, which begin with 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
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
    /// The events of these positions are there, but one of the copies that are stored of each is gone.
    CopyLost {
        /// Which: `entry` for the canonical bytes, `leaf` for the row that gives an event its position, `tile` for the hash in the
        /// tile of level 0.
        copy: &'static str,
        /// The first position.
        first: u64,
        /// The last.
        last: u64,
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
    /// The event of a selected export is not proven by what stands next to it.
    Unproven {
        /// The position that it claims.
        seq: u64,
    },
    /// The trail ends before a size that was signed or stored.
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
    /// What is stored as a checkpoint of this size is none: no trusted key has signed it for this log, or it says something else than
    /// its row.
    CheckpointForged {
        /// The size.
        size: u64,
    },
    /// A checkpoint that is known from outside is not stored any more.
    CheckpointMissing {
        /// Its size.
        size: u64,
    },
    /// A checkpoint of this size is stored more than once.
    CheckpointRepeated {
        /// Its size.
        size: u64,
    },
    /// The events of these positions have been in the tree for longer than signing takes, and no signed head covers them: the
    /// checkpoints that did were taken away, or the trail is not signed any more. Without any checkpoint these are all positions.
    Unsigned {
        /// The first.
        first: u64,
        /// The last.
        last: u64,
    },
    /// Hashes in stored tiles are not those of the tree, are gone, or are too many. Where the events stand next to them, hashes of
    /// level 0 are `Altered` or `CopyLost` instead.
    TilesAltered {
        /// The level of the tiles.
        level: u8,
        /// The index of the first hash at this level.
        first: u64,
        /// That of the last.
        last: u64,
    },
    /// The stored size and root of the tree are not those of the trail, are gone, or are there twice.
    TreeAltered,
    /// An event that has no position and is not waiting for one either: it did not come into the table by the way of events.
    Unsequenced {
        /// Its id.
        id: Uuid,
    },
    /// An event that waits for its position is not there.
    PendingWithoutEvent {
        /// Its id.
        id: Uuid,
    },
    /// The canonical bytes of an event that has neither a row nor a position.
    EntryWithoutEvent {
        /// Its id.
        id: Uuid,
    },
    /// An event was kept out of the tree, because it may not be what a program recorded.
    Rejected {
        /// Its id.
        id: Uuid,
        /// Why, as `platform_audit.rejected` has it.
        reason: Box<str>,
    },
    /// Events that their producer says were committed are nowhere: they were deleted before they had a position.
    ProducerGap {
        /// The process that recorded them.
        producer: ProducerId,
        /// The first of its numbers.
        first: u64,
        /// The last.
        last: u64,
    },
    /// Events stand in the trail that their producer says were never committed: somebody has brought back what was rolled back.
    ProducerContradicted {
        /// The process that made them.
        producer: ProducerId,
        /// The first of its numbers.
        first: u64,
        /// The last.
        last: u64,
    },
    /// The export has no last line: something is cut off behind these positions or lines.
    ExportTruncated {
        /// How many whole lines it has.
        lines: u64,
    },
    /// What the last line of the export says of the lines before it is not so.
    ExportDamaged {
        /// Which member of it: `events`, `leaves` or `sha256`.
        member: &'static str,
    },
    /// The export is not the file about which the log has signed the manifest.
    ManifestContradicted {
        /// In which member of the manifest they differ.
        member: &'static str,
    },
}

impl Finding {
    /// Where it is sorted in: those that have no position come last.
    pub(super) const fn position(&self) -> u64 {
        match self {
            Self::Altered { seq, .. }
            | Self::Inserted { seq }
            | Self::OutOfOrder { seq }
            | Self::Unproven { seq } => *seq,
            Self::Missing { first, .. }
            | Self::CopyLost { first, .. }
            | Self::Reordered { first, .. }
            | Self::Unsigned { first, .. } => *first,
            Self::Truncated { from, .. } => *from,
            Self::Forked { size }
            | Self::RootMismatch { size, .. }
            | Self::CheckpointForged { size }
            | Self::CheckpointMissing { size }
            | Self::CheckpointRepeated { size } => *size,
            Self::TilesAltered { .. }
            | Self::TreeAltered
            | Self::Unsequenced { .. }
            | Self::PendingWithoutEvent { .. }
            | Self::EntryWithoutEvent { .. }
            | Self::Rejected { .. }
            | Self::ProducerGap { .. }
            | Self::ProducerContradicted { .. }
            | Self::ExportTruncated { .. }
            | Self::ExportDamaged { .. }
            | Self::ManifestContradicted { .. } => u64::MAX,
        }
    }

    /// Widens this finding by the next one, where that says the same of what follows.
    pub(super) fn continues_with(&mut self, next: &Self) -> bool {
        match (self, next) {
            (Self::TreeAltered, Self::TreeAltered) => true,
            (Self::Missing { last, .. }, Self::Missing { first, last: end }) => widened(last, *first, *end),
            (
                Self::TilesAltered { level, last, .. },
                Self::TilesAltered {
                    level: same,
                    first,
                    last: end,
                },
            ) if level == same => widened(last, *first, *end),
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
            ) if next.checked_sub(*first) == next_at.checked_sub(*belongs_at) => widened(last, *next, *end),
            _ => false,
        }
    }
}

fn widened(last: &mut u64, first: u64, end: u64) -> bool {
    let follows = last.checked_add(1) == Some(first);
    if follows {
        *last = end;
    }
    follows
}
