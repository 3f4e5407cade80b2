//! The least that must be kept to extend a tree.

use super::source::{HashSource, MissingHash, NodeAt};
use super::spine::Span;
use crate::{LeafHash, NodeHash, TreeHead};

/// A tree reduced to the roots of its full subtrees, at most 64 hashes: enough to append leaves and to know the root.
///
/// ```
/// use platform_audit::{CompactRange, LeafHash};
///
/// let mut range = CompactRange::new();
/// range.extend([LeafHash::of(b""), LeafHash::of(b"\x00")])?;
/// assert_eq!(range.size(), 2);
/// assert_eq!(
///     range.root().to_string(),
///     "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
/// );
/// # Ok::<(), platform_audit::TreeFull>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompactRange {
    size: u64,
    /// From the left, one for each bit of `size`, the highest first.
    hashes: Vec<NodeHash>,
}

/// A tree holds at most `u64::MAX` leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tree is full")]
pub struct TreeFull;

/// Stored hashes do not belong to a tree of the stored size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a compact range of size {size} has {} hashes", .size.count_ones())]
pub struct CompactRangeError {
    /// The size that was given.
    pub size: u64,
}

impl CompactRange {
    /// The tree without leaves.
    pub const fn new() -> Self {
        Self {
            size: 0,
            hashes: Vec::new(),
        }
    }

    /// The tree that was stored as its size and [`hashes`](Self::hashes). Compare its root with one that is signed before relying on it.
    ///
    /// # Errors
    /// [`CompactRangeError`] when the number of hashes is not that of the bits of `size`.
    pub fn from_parts(size: u64, hashes: Vec<NodeHash>) -> Result<Self, CompactRangeError> {
        if usize::try_from(size.count_ones()) == Ok(hashes.len()) {
            Ok(Self { size, hashes })
        } else {
            Err(CompactRangeError { size })
        }
    }

    /// The tree of the first `size` leaves, from the nodes of a source such as the tiles at its right edge.
    ///
    /// # Errors
    /// [`MissingHash`] when the source lacks one of them.
    pub fn from_source(size: u64, source: &impl HashSource) -> Result<Self, MissingHash> {
        let hashes = Span { lo: 0, hi: size }
            .full_subtrees()
            .map(|at| source.node(at).ok_or(MissingHash(at)))
            .collect::<Result<_, _>>()?;
        Ok(Self { size, hashes })
    }

    /// The number of leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the full subtrees from left to right, for storing.
    pub fn hashes(&self) -> &[NodeHash] {
        &self.hashes
    }

    /// Appends a leaf and gives its index.
    ///
    /// # Errors
    /// [`TreeFull`]: nothing was appended.
    pub fn append(&mut self, leaf: LeafHash) -> Result<u64, TreeFull> {
        self.append_with(leaf, |_, _| {})
    }

    /// Appends leaves.
    ///
    /// # Errors
    /// [`TreeFull`]: those before the first that did not fit are appended.
    pub fn extend(&mut self, leaves: impl IntoIterator<Item = LeafHash>) -> Result<(), TreeFull> {
        leaves
            .into_iter()
            .try_for_each(|leaf| self.append(leaf).map(|_| ()))
    }

    /// Appends a leaf and shows every full subtree that it completes, the leaf itself first.
    pub(crate) fn append_with(
        &mut self,
        leaf: LeafHash,
        mut completed: impl FnMut(NodeAt, NodeHash),
    ) -> Result<u64, TreeFull> {
        let index = self.size;
        self.size = index.checked_add(1).ok_or(TreeFull)?;
        let mut node = NodeHash::from(leaf);
        completed(NodeAt::new(0, index), node);
        for height in 1..=u8::try_from(index.trailing_ones()).unwrap_or(u8::MAX) {
            let Some(left) = self.hashes.pop() else { break };
            node = NodeHash::of(&left, &node);
            completed(NodeAt::new(height, index >> height), node);
        }
        self.hashes.push(node);
        Ok(index)
    }

    /// The hash over all leaves.
    pub fn root(&self) -> NodeHash {
        self.hashes
            .iter()
            .rev()
            .copied()
            .reduce(|right, left| NodeHash::of(&left, &right))
            .unwrap_or_else(NodeHash::empty)
    }

    /// The size and the root.
    pub fn head(&self) -> TreeHead {
        TreeHead {
            size: self.size,
            root: self.root(),
        }
    }
}
