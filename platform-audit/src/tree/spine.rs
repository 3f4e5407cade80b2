//! How a run of leaves falls into full subtrees.

use super::source::{HashSource, MissingHash, NodeAt};
use crate::NodeHash;

/// The leaves `lo..hi` of a tree, where the run is a subtree in the sense of RFC 6962: `lo` is a multiple of every full subtree in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) lo: u64,
    pub(super) hi: u64,
}

impl Span {
    pub(super) const fn len(self) -> u64 {
        self.hi.saturating_sub(self.lo)
    }

    /// Where RFC 6962 splits the run: behind the largest power of two of leaves that is less than its length. Only for two leaves or more.
    pub(super) const fn middle(self) -> u64 {
        let below = self.len().saturating_sub(1);
        match below.checked_ilog2() {
            Some(height) => self.lo.saturating_add(1 << height),
            None => self.hi,
        }
    }

    /// The full subtrees of the run from left to right, each smaller than the one before: one for each bit of its length.
    pub(super) fn full_subtrees(self) -> impl DoubleEndedIterator<Item = NodeAt> {
        let len = self.len();
        let mut at = self.lo;
        let mut nodes = Vec::new();
        for height in (0..64_u8).rev().filter(|height| (len >> height) & 1 == 1) {
            nodes.push(NodeAt::new(height, at >> height));
            at = at.saturating_add(1 << height);
        }
        nodes.into_iter()
    }

    /// The hash over the run, folded from the right as RFC 6962 nests it.
    pub(super) fn hash(self, source: &impl HashSource) -> Result<NodeHash, MissingHash> {
        let mut folded = None;
        for at in self.full_subtrees().rev() {
            let node = source.node(at).ok_or(MissingHash(at))?;
            folded = Some(folded.map_or(node, |right| NodeHash::of(&node, &right)));
        }
        Ok(folded.unwrap_or_else(NodeHash::empty))
    }
}
