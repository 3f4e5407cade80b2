//! Why an event gets no place in its tenant's tree.

use std::fmt::{self, Display};

/// Why the sequencer has kept an event out of the tree. The words are those of the column `platform_audit.rejected.reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rejection {
    /// There is no such event: it was deleted before it was sequenced.
    EventMissing,
    /// It has no seal, though the tree holds events that do.
    SealMissing,
    /// Its seal is not one that this service makes: the row was changed, or a program without the key has recorded it.
    SealWrong,
    /// The row is not one that a program can have recorded: a value has no canonical form, or it is too large.
    NotAnEntry,
    /// It has a place already.
    SequencedAlready,
}

impl Rejection {
    /// Every reason there is.
    pub const ALL: [Self; 5] = [
        Self::EventMissing,
        Self::SealMissing,
        Self::SealWrong,
        Self::NotAnEntry,
        Self::SequencedAlready,
    ];

    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EventMissing => "event_missing",
            Self::SealMissing => "seal_missing",
            Self::SealWrong => "seal_wrong",
            Self::NotAnEntry => "not_an_entry",
            Self::SequencedAlready => "sequenced_already",
        }
    }
}

impl Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
