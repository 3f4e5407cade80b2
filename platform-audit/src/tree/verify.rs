//! Checking proofs: what a stranger does with nothing but two heads and a list of hashes.

use crate::{ConsistencyProof, InclusionProof, LeafHash, NodeHash, TreeHead};

/// A proof does not show what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofInvalid {
    /// The leaf's index is not below the tree's size.
    #[error("leaf {index} is not in a tree of {size} leaves")]
    OutsideTree {
        /// The index that was claimed.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The tree has become smaller: a log never does.
    #[error("the tree went from {old} leaves to {new}")]
    Shrunk {
        /// The size of the older tree.
        old: u64,
        /// The size of the newer one.
        new: u64,
    },
    /// The number of hashes is not the one that the sizes give.
    #[error("the proof has too few or too many hashes")]
    WrongLength,
    /// The hashes lead to another root: the leaf, the index, the tree or the proof is not the one that is claimed.
    #[error("the proof leads to another root")]
    WrongRoot,
    /// The hashes lead to another older root: the newer tree does not begin with the older one.
    #[error("the proof leads to another older root")]
    WrongOldRoot,
}

/// Checks that a leaf stands at `index` in the tree with this head (RFC 9162, section 2.1.3.2).
///
/// Hash the leaf from the bytes at hand; a leaf hash that somebody sent proves nothing about any bytes.
///
/// # Errors
/// [`ProofInvalid`]: it is not proven.
pub fn verify_inclusion(
    leaf: LeafHash,
    index: u64,
    head: &TreeHead,
    proof: &InclusionProof,
) -> Result<(), ProofInvalid> {
    if index >= head.size {
        return Err(ProofInvalid::OutsideTree {
            index,
            size: head.size,
        });
    }
    let mut at = index;
    let mut last = head.size - 1;
    let mut node = NodeHash::from(leaf);
    for sibling in &proof.hashes {
        if last == 0 {
            return Err(ProofInvalid::WrongLength);
        }
        if at & 1 == 1 || at == last {
            node = NodeHash::of(sibling, &node);
            skip_lone_levels(&mut at, &mut last);
        } else {
            node = NodeHash::of(&node, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofInvalid::WrongLength);
    }
    if node == head.root {
        Ok(())
    } else {
        Err(ProofInvalid::WrongRoot)
    }
}

/// Checks that the tree `new` begins with the leaves of the tree `old` (RFC 9162, section 2.1.4.2).
///
/// Every tree begins with the empty one, and a tree with itself; both have an empty proof.
///
/// # Errors
/// [`ProofInvalid`]: it is not proven. If both heads are signed, the log has forked.
pub fn verify_consistency(
    old: &TreeHead,
    new: &TreeHead,
    proof: &ConsistencyProof,
) -> Result<(), ProofInvalid> {
    if old.size > new.size {
        return Err(ProofInvalid::Shrunk {
            old: old.size,
            new: new.size,
        });
    }
    if old.size == 0 || old.size == new.size {
        return verify_without_hashes(old, new, proof);
    }
    let mut hashes = proof.hashes.iter();
    let start = if old.size.is_power_of_two() {
        old.root
    } else {
        *hashes.next().ok_or(ProofInvalid::WrongLength)?
    };
    let mut at = old.size - 1;
    let mut last = new.size - 1;
    let complete_levels = at.trailing_ones();
    at >>= complete_levels;
    last >>= complete_levels;
    let (mut old_root, mut new_root) = (start, start);
    for hash in hashes {
        if last == 0 {
            return Err(ProofInvalid::WrongLength);
        }
        if at & 1 == 1 || at == last {
            old_root = NodeHash::of(hash, &old_root);
            new_root = NodeHash::of(hash, &new_root);
            skip_lone_levels(&mut at, &mut last);
        } else {
            new_root = NodeHash::of(&new_root, hash);
        }
        at >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofInvalid::WrongLength);
    }
    if old_root != old.root {
        return Err(ProofInvalid::WrongOldRoot);
    }
    if new_root == new.root {
        Ok(())
    } else {
        Err(ProofInvalid::WrongRoot)
    }
}

/// At the right edge a node without a sibling moves up unhashed; this follows it to where it is a right child.
fn skip_lone_levels(at: &mut u64, last: &mut u64) {
    if *at & 1 == 0 {
        let lone = at.trailing_zeros().min(u64::BITS - 1);
        *at >>= lone;
        *last >>= lone;
    }
}

fn verify_without_hashes(
    old: &TreeHead,
    new: &TreeHead,
    proof: &ConsistencyProof,
) -> Result<(), ProofInvalid> {
    if !proof.hashes.is_empty() {
        return Err(ProofInvalid::WrongLength);
    }
    let known_old = if old.size == 0 {
        NodeHash::empty()
    } else {
        new.root
    };
    if old.root != known_old {
        return Err(ProofInvalid::WrongOldRoot);
    }
    if new.size == 0 && new.root != NodeHash::empty() {
        return Err(ProofInvalid::WrongRoot);
    }
    Ok(())
}
