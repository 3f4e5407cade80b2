//! The trees that the copies of a trail give.

use super::position::{COPIES, Hashed};
use crate::tree::TILE_HEIGHT;
use crate::{CompactRange, LeafHash, NodeHash, TreeHead};

/// One tree while all copies agree, one for each copy after they have parted, none after a position that no copy has.
#[derive(Debug)]
pub(super) enum Ranges {
    Agreed(Growing),
    Parted(Box<[Growing; COPIES]>),
    Lost,
}

/// A hash that stands in a tile above level 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TileHash {
    pub(crate) level: u8,
    /// Among all hashes of the level.
    pub(crate) index: u64,
    pub(crate) hash: NodeHash,
}

/// No copy has the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoCopy;

/// A tree, with the hashes for tiles that it has completed since it was last proven.
#[derive(Debug, Clone)]
pub(super) struct Growing {
    range: CompactRange,
    completed: Vec<TileHash>,
}

impl Growing {
    fn append(&mut self, leaf: LeafHash, tile_hashes: bool) -> bool {
        let completed = &mut self.completed;
        let appended = self.range.append_with(leaf, |at, hash| {
            if tile_hashes && at.height() > 0 && at.height() % TILE_HEIGHT == 0 {
                completed.push(TileHash {
                    level: at.height() / TILE_HEIGHT,
                    index: at.index(),
                    hash,
                });
            }
        });
        appended.is_ok()
    }
}

impl Ranges {
    pub(super) const fn resume(range: CompactRange) -> Self {
        Self::Agreed(Growing {
            range,
            completed: Vec::new(),
        })
    }

    pub(super) fn append(&mut self, position: &Hashed, tile_hashes: bool) {
        match (&mut *self, position.agreed()) {
            (Self::Lost, _) => {}
            (Self::Agreed(tree), Some(leaf)) => {
                if !tree.append(leaf, tile_hashes) {
                    *self = Self::Lost;
                }
            }
            (Self::Agreed(tree), None) => {
                *self = Self::Parted(Box::new([tree.clone(), tree.clone(), tree.clone(), tree.clone()]));
                self.append_to_each(position, tile_hashes);
            }
            (Self::Parted(_), _) => self.append_to_each(position, tile_hashes),
        }
    }

    fn append_to_each(&mut self, position: &Hashed, tile_hashes: bool) {
        let Self::Parted(trees) = self else { return };
        let appended = trees.iter_mut().enumerate().all(|(copy, tree)| {
            position
                .copy_or_other(copy)
                .is_some_and(|leaf| tree.append(leaf, tile_hashes))
        });
        if !appended {
            *self = Self::Lost;
        }
    }

    /// The copy whose tree has this head; with it every leaf of that copy is authentic, and the others go on from there.
    pub(super) fn proven_by(&mut self, head: &TreeHead) -> Option<usize> {
        let (copy, tree) = match self {
            Self::Agreed(tree) => return (tree.range.head() == *head).then_some(0),
            Self::Parted(trees) => {
                let proven = trees.iter().position(|tree| tree.range.head() == *head)?;
                (proven, trees[proven].clone())
            }
            Self::Lost => return None,
        };
        *self = Self::Agreed(tree);
        Some(copy)
    }

    /// The copy whose tree has this head, which proves nothing; `None` when nobody can say.
    pub(super) fn given_by(&self, head: &TreeHead) -> Option<Result<usize, NoCopy>> {
        let copy = match self {
            Self::Agreed(tree) => (tree.range.head() == *head).then_some(0),
            Self::Parted(trees) => trees.iter().position(|tree| tree.range.head() == *head),
            Self::Lost => return None,
        };
        Some(copy.ok_or(NoCopy))
    }

    /// The tree that all copies agree on.
    pub(super) const fn range(&self) -> Option<&CompactRange> {
        match self {
            Self::Agreed(tree) => Some(&tree.range),
            Self::Parted(_) | Self::Lost => None,
        }
    }

    /// The hashes for tiles that all copies agree on and that were not taken yet.
    pub(super) fn take_completed(&mut self) -> Vec<TileHash> {
        match self {
            Self::Agreed(tree) => std::mem::take(&mut tree.completed),
            Self::Parted(_) | Self::Lost => Vec::new(),
        }
    }
}
