//! What is stored for one position of the trail.

use super::claim::Note;
use crate::{Entry, LeafHash, StoredRow};

/// Everything that is stored for one position, in as many copies as there are.
///
/// Leave out what is not at hand: an export has entries alone. Tiles are given for all positions or for none. Each copy that is there
/// is compared with what was signed, and any one authentic copy is enough to say what happened to the others.
#[derive(Debug, Clone, Copy)]
pub struct Position<'a> {
    /// The sequence number, from 0.
    pub seq: u64,
    /// The hash in the tile of level 0.
    pub tile: Option<LeafHash>,
    /// The hash in the table of leaves.
    pub leaf: Option<LeafHash>,
    /// The canonical bytes of the event.
    pub entry: Option<&'a [u8]>,
    /// The columns of the event as they stand. Without row and entry the event is missing, unless it may be pruned.
    pub row: Option<&'a StoredRow>,
    /// A row is there, but it cannot be read: this column has a value that no event can have.
    pub unreadable: Option<&'static str>,
    /// Why the event is not shown, where that is said.
    pub absence: Option<Absence>,
}

/// Why an export has the hash of an event instead of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// Whom the export is for may not see it.
    Withheld,
    /// It was deleted because its time was over.
    Pruned,
}

impl<'a> Position<'a> {
    /// A position of which nothing is known yet.
    pub const fn new(seq: u64) -> Self {
        Self {
            seq,
            tile: None,
            leaf: None,
            entry: None,
            row: None,
            unreadable: None,
            absence: None,
        }
    }

    /// With the hash from the tile of level 0.
    #[must_use]
    pub const fn tile(mut self, hash: LeafHash) -> Self {
        self.tile = Some(hash);
        self
    }

    /// With the hash from the table of leaves.
    #[must_use]
    pub const fn leaf(mut self, hash: LeafHash) -> Self {
        self.leaf = Some(hash);
        self
    }

    /// With the canonical bytes of the event.
    #[must_use]
    pub const fn entry(mut self, bytes: &'a [u8]) -> Self {
        self.entry = Some(bytes);
        self
    }

    /// With the columns of the event.
    #[must_use]
    pub const fn row(mut self, row: &'a StoredRow) -> Self {
        self.row = Some(row);
        self
    }

    /// With the reason why the event is not shown. Its leaf is needed then.
    #[must_use]
    pub const fn absent(mut self, why: Absence) -> Self {
        self.absence = Some(why);
        self
    }
}

/// What a verifier expects of every position.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Expected {
    /// All four copies, as the tables have them.
    pub(super) every_copy: bool,
    /// Entries that say who recorded them.
    pub(super) accounts: bool,
    /// Hashes for the tiles above level 0 are wanted.
    pub(super) tile_hashes: bool,
}

/// The copies of which a position may have some, the most trusted first: tiles are written once and read least.
pub(super) const COPIES: usize = 4;
pub(super) const TILE: usize = 0;
pub(super) const LEAF: usize = 1;
pub(super) const ENTRY: usize = 2;
const ROW: usize = 3;

/// The names of the copies that can be lost while the event is there.
pub(super) const COPY_NAMES: [(usize, &str); 3] = [(TILE, "tile"), (LEAF, "leaf"), (ENTRY, "entry")];

/// A position reduced to hashes.
#[derive(Debug, Clone)]
pub(super) struct Hashed {
    pub(super) seq: u64,
    copies: [Option<LeafHash>; COPIES],
    expected: Expected,
    has_entry: bool,
    has_row: bool,
    pub(super) absence: Option<Absence>,
    /// The row has values that no entry can have.
    unreadable: bool,
    /// Other positions have a tile, this one has none.
    pub(super) lacks_tile: bool,
    /// Where the row differs from the entry.
    differing: Vec<&'static str>,
    /// Where the row contradicts itself.
    derived: Vec<&'static str>,
    /// What entry and row say to the accounts.
    notes: [Option<Note>; 2],
}

impl Hashed {
    pub(super) fn of(position: &Position<'_>, expected: Expected) -> Self {
        let written = position.row.map(|row| row.entry.to_bytes());
        let unreadable = position.unreadable.is_some() || matches!(written, Some(Err(_)));
        let row_bytes = written.and_then(Result::ok);
        let same = row_bytes.as_deref() == position.entry;
        let entry = position.entry.map(LeafHash::of);
        let row = match (&row_bytes, entry) {
            (Some(_), Some(hash)) if same => Some(hash),
            (Some(bytes), _) => Some(LeafHash::of(bytes)),
            (None, _) => None,
        };
        let read = match position.entry {
            Some(bytes) if !same && (expected.accounts || position.row.is_some()) => {
                Entry::from_bytes(bytes).ok()
            }
            _ => None,
        };
        let note_of_row = position.row.map(|row| Note::of(&row.entry));
        Self {
            seq: position.seq,
            copies: [position.tile, position.leaf, entry, row],
            expected,
            has_entry: position.entry.is_some(),
            has_row: position.row.is_some() || position.unreadable.is_some(),
            absence: position.absence,
            unreadable,
            lacks_tile: false,
            differing: if same {
                Vec::new()
            } else {
                differing(position, read.as_ref())
            },
            derived: position
                .row
                .map_or_else(Vec::new, StoredRow::derived_columns_changed),
            notes: [read.as_ref().map(Note::of), note_of_row],
        }
    }

    /// How much is kept of what it asserts.
    pub(super) fn runs(&self) -> usize {
        self.notes.iter().flatten().map(Note::runs).sum()
    }

    /// What all copies say that are there, as far as they agree.
    pub(super) fn agreed(&self) -> Option<LeafHash> {
        let mut copies = self.copies.iter().flatten();
        let first = *copies.next()?;
        copies.all(|copy| *copy == first).then_some(first)
    }

    /// Whether nothing is to be said about this position, if what its copies agree on is what was signed.
    pub(super) fn is_sound(&self, may_be_pruned: bool) -> bool {
        if self.agreed().is_none() || !self.lacking().is_empty() {
            return false;
        }
        if self.is_missing() {
            // That it was pruned is for a proven event to say, not for the export.
            let is_excused = may_be_pruned || self.absence == Some(Absence::Withheld);
            return !self.has_entry && is_excused;
        }
        !self.unreadable && self.derived.is_empty()
    }

    /// Whether the event says what was signed, in every copy of it that is there.
    pub(super) fn is_true(&self, truth: LeafHash) -> bool {
        !self.unreadable && self.derived.is_empty() && self.agreed() == Some(truth)
    }

    /// The copies that should be there and are not.
    pub(super) fn lacking(&self) -> Vec<usize> {
        let lacks = |copy: usize| match copy {
            TILE => self.lacks_tile,
            LEAF => self.expected.every_copy && self.copies[LEAF].is_none(),
            _ => self.expected.every_copy && self.has_row && !self.has_entry,
        };
        [TILE, LEAF, ENTRY]
            .into_iter()
            .filter(|copy| lacks(*copy))
            .collect()
    }

    pub(super) const fn has_tile(&self) -> bool {
        self.copies[TILE].is_some()
    }

    /// What one copy says, or else the most trusted of the others.
    pub(super) fn copy_or_other(&self, copy: usize) -> Option<LeafHash> {
        let wanted = self.copies.get(copy).copied().flatten();
        wanted.or_else(|| self.copies.iter().flatten().next().copied())
    }

    /// Whether the event is gone.
    pub(super) const fn is_missing(&self) -> bool {
        !self.has_row && (self.expected.every_copy || !self.has_entry)
    }

    /// Whether nothing is left of the event but its hashes, as pruning leaves it.
    pub(super) fn is_bare(&self) -> bool {
        !self.has_row && !self.has_entry && self.lacking().is_empty()
    }

    /// What the event that is there hashes to; `None` when it is missing or no event at all.
    pub(super) fn found(&self) -> Option<LeafHash> {
        if self.unreadable || self.is_missing() {
            return None;
        }
        self.copies[ROW].or(self.copies[ENTRY])
    }

    /// What the event says to the accounts: the copy that is authentic, or else whichever there is, which is not to be believed.
    pub(super) fn note(&mut self, truth: Option<LeafHash>) -> (Option<Note>, bool) {
        let [of_entry, of_row] = std::mem::take(&mut self.notes);
        let is = |copy: usize| truth.is_some() && self.copies[copy] == truth;
        if is(ENTRY) && of_entry.is_some() {
            (of_entry, true)
        } else if is(ROW) {
            (of_row, true)
        } else {
            (of_entry.or(of_row), false)
        }
    }

    /// The columns that differ from what was signed, as far as an authentic copy tells.
    pub(super) fn columns_unlike(self, truth: LeafHash) -> Vec<&'static str> {
        let unlike = |copy: usize| self.copies[copy].is_some_and(|hash| hash != truth);
        let stored = [
            (unlike(ENTRY), "entry"),
            (unlike(LEAF), "leaf"),
            (unlike(TILE), "tile"),
        ];
        let mut columns = if self.copies[ROW] == Some(truth) {
            self.derived
        } else {
            self.differing
        };
        columns.extend(stored.iter().filter_map(|(unlike, name)| unlike.then_some(*name)));
        columns
    }
}

fn differing(position: &Position<'_>, entry: Option<&Entry>) -> Vec<&'static str> {
    match (position.row, position.unreadable, entry) {
        (Some(row), _, Some(entry)) => row.columns_changed(entry),
        (None, Some(column), _) => vec![column],
        _ => Vec::new(),
    }
}
