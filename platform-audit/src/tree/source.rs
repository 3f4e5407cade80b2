//! Where the hashes of a proof come from.

use crate::{LeafHash, NodeHash};

/// The place of a full subtree: the one of `2^height` leaves that begins at leaf `index * 2^height`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeAt {
    height: u8,
    index: u64,
}

impl NodeAt {
    pub(super) const fn new(height: u8, index: u64) -> Self {
        Self { height, index }
    }

    /// How many levels are below it: 0 for a leaf, 63 at most.
    pub const fn height(self) -> u8 {
        self.height
    }

    /// Which of its height it is, counted from the left and 0.
    pub const fn index(self) -> u64 {
        self.index
    }
}

/// Gives the hashes of full subtrees: tiles, or all leaves of a small tree.
pub trait HashSource {
    /// The hash of the subtree at `at`; `None` when it is not known here.
    fn node(&self, at: NodeAt) -> Option<NodeHash>;
}

/// A hash that a proof or a root needs is not in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hash of height {} and index {} is missing", .0.height(), .0.index())]
pub struct MissingHash(pub NodeAt);

/// All leaves of a tree as a source of hashes: every node is computed anew, so it is for small trees and for tests.
#[derive(Debug, Clone, Copy)]
pub struct Leaves<'a>(pub &'a [LeafHash]);

impl HashSource for Leaves<'_> {
    fn node(&self, at: NodeAt) -> Option<NodeHash> {
        let width = 1_usize.checked_shl(at.height.into())?;
        let start = usize::try_from(at.index).ok()?.checked_mul(width)?;
        let leaves = self.0.get(start..start.checked_add(width)?)?;
        Some(fold_full(
            leaves.iter().map(|leaf| NodeHash::from(*leaf)).collect(),
        ))
    }
}

/// The root over a full subtree: `hashes` are its nodes of one height, a power of two of them.
pub(super) fn fold_full(mut hashes: Vec<NodeHash>) -> NodeHash {
    while hashes.len() > 1 {
        hashes = hashes
            .chunks_exact(2)
            .map(|pair| NodeHash::of(&pair[0], &pair[1]))
            .collect();
    }
    hashes.first().copied().unwrap_or_else(NodeHash::empty)
}
