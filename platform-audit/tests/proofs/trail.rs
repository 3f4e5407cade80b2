//! A trail in all its copies, to be tampered with.

use platform_audit::{CompactRange, Finding, LeafHash, Position, Report, StoredRow, TreeHead, Verifier};

use crate::support::entry;

pub(crate) const COUNT: u64 = 300;

/// All copies of a trail of 300 events, signed at 100, 200 and 300.
#[derive(Clone)]
pub(crate) struct Trail {
    pub(crate) positions: Vec<Stored>,
    pub(crate) heads: Vec<TreeHead>,
}

#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) tile: Option<LeafHash>,
    pub(crate) leaf: Option<LeafHash>,
    pub(crate) entry: Option<Vec<u8>>,
    pub(crate) row: Option<StoredRow>,
}

impl Stored {
    pub(crate) fn of(number: u64) -> Self {
        let entry = entry(number);
        let bytes = entry.to_bytes().unwrap();
        let leaf = LeafHash::of(&bytes);
        Self {
            tile: Some(leaf),
            leaf: Some(leaf),
            entry: Some(bytes),
            row: Some(StoredRow::of(entry)),
        }
    }
}

pub(crate) fn heads(leaves: impl IntoIterator<Item = LeafHash>, every: u64) -> Vec<TreeHead> {
    let mut range = CompactRange::new();
    let mut heads = Vec::new();
    for leaf in leaves {
        range.append(leaf).unwrap();
        if range.size().is_multiple_of(every) {
            heads.push(range.head());
        }
    }
    heads
}

impl Trail {
    pub(crate) fn new() -> Self {
        let positions: Vec<_> = (0..COUNT).map(Stored::of).collect();
        let heads = heads(positions.iter().map(|stored| stored.tile.unwrap()), 100);
        Self { positions, heads }
    }

    pub(crate) fn at(&mut self, seq: usize) -> &mut Stored {
        &mut self.positions[seq]
    }

    /// Everything but the tiles, which stay where they are.
    pub(crate) fn rows_and_leaves(&self) -> Vec<Stored> {
        self.positions
            .iter()
            .map(|stored| Stored {
                tile: None,
                ..stored.clone()
            })
            .collect()
    }

    pub(crate) fn with_rows_and_leaves(mut self, moved: Vec<Stored>) -> Self {
        let nothing = Stored {
            tile: None,
            leaf: None,
            entry: None,
            row: None,
        };
        let count = moved.len().max(self.positions.len());
        self.positions.resize(count, nothing.clone());
        for (stored, moved) in self
            .positions
            .iter_mut()
            .zip(moved.into_iter().chain(std::iter::repeat(nothing)))
        {
            *stored = Stored {
                tile: stored.tile,
                ..moved
            };
        }
        self
    }

    pub(crate) fn verify(&self) -> Report {
        let mut verifier = Verifier::new();
        for head in &self.heads {
            verifier.head(*head).unwrap();
        }
        for (seq, stored) in (0..).zip(&self.positions) {
            verifier.position(&Position {
                seq,
                tile: stored.tile,
                leaf: stored.leaf,
                entry: stored.entry.as_deref(),
                row: stored.row.as_ref(),
                ..Position::new(seq)
            });
        }
        verifier.finish()
    }

    pub(crate) fn findings(&self) -> Vec<Finding> {
        self.verify().findings
    }
}

pub(crate) fn altered(seq: u64, columns: &[&'static str]) -> Finding {
    Finding::Altered {
        seq,
        columns: columns.to_vec(),
    }
}
