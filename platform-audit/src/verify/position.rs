//! What is stored for one position of the trail.

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
}

/// The copies of which a position may have some, the most trusted first: tiles are written once and read least.
pub(super) const COPIES: usize = 4;
const TILE: usize = 0;
const LEAF: usize = 1;
const ENTRY: usize = 2;
const ROW: usize = 3;

/// A position reduced to hashes.
#[derive(Debug, Clone)]
pub(super) struct Hashed {
    pub(super) seq: u64,
    copies: [Option<LeafHash>; COPIES],
    /// An entry or a row was there.
    has_event: bool,
    /// The row has values that no entry can have.
    unreadable: bool,
    /// Other positions have a tile, this one has none.
    pub(super) lacks_tile: bool,
    /// Where the row differs from the entry.
    differing: Vec<&'static str>,
    /// Where the row contradicts itself.
    derived: Vec<&'static str>,
}

impl Hashed {
    pub(super) fn of(position: &Position<'_>) -> Self {
        let written = position.row.map(|row| row.entry.to_bytes());
        let unreadable = matches!(written, Some(Err(_)));
        let row_bytes = written.and_then(Result::ok);
        let same = row_bytes.as_deref() == position.entry;
        let entry = position.entry.map(LeafHash::of);
        let row = match (&row_bytes, entry) {
            (Some(_), Some(hash)) if same => Some(hash),
            (Some(bytes), _) => Some(LeafHash::of(bytes)),
            (None, _) => None,
        };
        Self {
            seq: position.seq,
            copies: [position.tile, position.leaf, entry, row],
            has_event: position.entry.is_some() || position.row.is_some(),
            unreadable,
            lacks_tile: false,
            differing: if same { Vec::new() } else { differing(position) },
            derived: position
                .row
                .map_or_else(Vec::new, StoredRow::derived_columns_changed),
        }
    }

    /// Whether all copies there are say the same, and the event is one of them.
    pub(super) fn agreed(&self, may_be_pruned: bool) -> Option<LeafHash> {
        let mut copies = self.copies.iter().flatten();
        let first = *copies.next()?;
        let same = copies.all(|copy| *copy == first);
        let sound = !self.unreadable && !self.lacks_tile && self.derived.is_empty();
        (same && sound && (self.has_event || may_be_pruned)).then_some(first)
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
        !self.has_event
    }

    /// What the event that is there hashes to; `None` when it is missing or no event at all.
    pub(super) fn found(&self) -> Option<LeafHash> {
        if self.unreadable {
            return None;
        }
        self.copies[ROW].or(self.copies[ENTRY])
    }

    /// The columns that differ from what was signed, as far as an authentic copy tells.
    pub(super) fn columns_unlike(self, truth: LeafHash) -> Vec<&'static str> {
        let unlike = |copy: usize| self.copies[copy].is_some_and(|hash| hash != truth);
        let stored = [
            (unlike(ENTRY), "entry"),
            (unlike(LEAF), "leaf"),
            (unlike(TILE) || self.lacks_tile, "tile"),
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

fn differing(position: &Position<'_>) -> Vec<&'static str> {
    let (Some(row), Some(bytes)) = (position.row, position.entry) else {
        return Vec::new();
    };
    Entry::from_bytes(bytes).map_or_else(|_| Vec::new(), |entry| row.columns_changed(&entry))
}
