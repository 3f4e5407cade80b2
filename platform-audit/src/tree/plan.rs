//! Which hashes a proof consists of, and making one from them.

use std::collections::BTreeSet;

use super::source::{HashSource, MissingHash, NodeAt};
use super::spine::Span;
use crate::{NodeHash, TileId};

/// The hashes that lead from a leaf to the root, the leaf's sibling first (RFC 6962, section 2.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct InclusionProof {
    /// 64 at most in any tree there is.
    pub hashes: Vec<NodeHash>,
}

/// The hashes that show that a tree begins with the leaves of an older one (RFC 6962, section 2.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ConsistencyProof {
    /// 65 at most in any tree there is.
    pub hashes: Vec<NodeHash>,
}

/// The leaf or the older tree that was asked for is not in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("leaf or size {asked} is not in a tree of {size} leaves")]
pub struct NoSuchProof {
    /// The index of the leaf, or the size of the older tree.
    pub asked: u64,
    /// The size of the tree.
    pub size: u64,
}

/// The list of hashes a proof needs, made before any of them is read.
///
/// A caller reads [`tiles`](Self::tiles) in one query, then makes the proof from them.
///
/// ```
/// use platform_audit::{InclusionProof, LeafHash, Leaves, ProofPlan};
///
/// let leaves = [LeafHash::of(b"a"), LeafHash::of(b"b"), LeafHash::of(b"c")];
/// let proof = InclusionProof { hashes: ProofPlan::inclusion(2, 3)?.hashes(&Leaves(&leaves))? };
/// assert_eq!(proof.hashes.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofPlan {
    size: u64,
    spans: Vec<Span>,
}

impl ProofPlan {
    /// The plan for the proof that the leaf of this index is in the tree of this size.
    ///
    /// # Errors
    /// [`NoSuchProof`] when the tree is too small to hold the leaf.
    pub fn inclusion(index: u64, size: u64) -> Result<Self, NoSuchProof> {
        if index >= size {
            return Err(NoSuchProof { asked: index, size });
        }
        let mut spans = Vec::new();
        let mut rest = Span { lo: 0, hi: size };
        while rest.len() > 1 {
            let (left, right) = halves(rest);
            let (within, sibling) = if index < right.lo {
                (left, right)
            } else {
                (right, left)
            };
            spans.push(sibling);
            rest = within;
        }
        spans.reverse();
        Ok(Self { size, spans })
    }

    /// The plan for the proof that the tree of size `new` begins with the tree of size `old`. It is empty when they are the same and
    /// when the older one has no leaves.
    ///
    /// # Errors
    /// [`NoSuchProof`] when the older tree is larger than the newer one.
    pub fn consistency(old: u64, new: u64) -> Result<Self, NoSuchProof> {
        if old > new {
            return Err(NoSuchProof {
                asked: old,
                size: new,
            });
        }
        let mut spans = Vec::new();
        let mut rest = Span { lo: 0, hi: new };
        while old > 0 && old < rest.hi {
            let (left, right) = halves(rest);
            let (within, sibling) = if old <= right.lo {
                (left, right)
            } else {
                (right, left)
            };
            spans.push(sibling);
            rest = within;
        }
        // Where the older tree is itself a full subtree, the verifier knows its hash already.
        if rest.lo > 0 {
            spans.push(rest);
        }
        spans.reverse();
        Ok(Self { size: new, spans })
    }

    /// The tiles that hold what the proof needs, each as wide as the tree of the plan has it: 16 at most.
    pub fn tiles(&self) -> Vec<TileId> {
        let tiles: BTreeSet<TileId> = self.nodes().map(TileId::holding).collect();
        tiles.into_iter().collect()
    }

    /// The size of the tree that the proof is for.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of the proof in order.
    ///
    /// # Errors
    /// [`MissingHash`] when the source lacks one.
    pub fn hashes(&self, source: &impl HashSource) -> Result<Vec<NodeHash>, MissingHash> {
        self.spans.iter().map(|span| span.hash(source)).collect()
    }

    fn nodes(&self) -> impl Iterator<Item = NodeAt> {
        self.spans.iter().flat_map(|span| span.full_subtrees())
    }
}

fn halves(span: Span) -> (Span, Span) {
    let middle = span.middle();
    (
        Span {
            lo: span.lo,
            hi: middle,
        },
        Span {
            lo: middle,
            hi: span.hi,
        },
    )
}
