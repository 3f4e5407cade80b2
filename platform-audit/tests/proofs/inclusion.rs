use platform_audit::{
    CompactRange, InclusionProof, LeafHash, Leaves, NodeHash, ProofInvalid, ProofPlan, TreeHead,
    verify_inclusion,
};
use proptest::prelude::*;

use crate::support::{Uniform, leaves, reference_path, reference_root};

fn proof(index: usize, leaves: &[LeafHash]) -> InclusionProof {
    let plan = ProofPlan::inclusion(index as u64, leaves.len() as u64).unwrap();
    InclusionProof {
        hashes: plan.hashes(&Leaves(leaves)).unwrap(),
    }
}

fn head(leaves: &[LeafHash]) -> TreeHead {
    TreeHead {
        size: leaves.len() as u64,
        root: reference_root(leaves),
    }
}

/// The example of RFC 6962, section 2.1.3, whose nodes are named there.
#[test]
fn the_paths_of_the_seven_leaves_are_those_of_the_example() {
    let leaves = leaves(7);
    let node = |range: std::ops::Range<usize>| reference_root(&leaves[range]);
    let (g, h, i, j) = (node(0..2), node(2..4), node(4..6), node(6..7));
    let (k, l) = (node(0..4), node(4..7));
    let leaf = |at: usize| NodeHash::from(leaves[at]);
    assert_eq!(proof(0, &leaves).hashes, [leaf(1), h, l]);
    assert_eq!(proof(3, &leaves).hashes, [leaf(2), g, l]);
    assert_eq!(proof(4, &leaves).hashes, [leaf(5), j, k]);
    assert_eq!(proof(6, &leaves).hashes, [i, k]);
}

#[test]
fn every_leaf_of_every_small_tree_is_proven() {
    for count in 1..70 {
        let leaves = leaves(count);
        let head = head(&leaves);
        for index in 0..count {
            let proof = proof(index, &leaves);
            assert_eq!(proof.hashes, reference_path(index, &leaves));
            assert_eq!(
                verify_inclusion(leaves[index], index as u64, &head, &proof),
                Ok(())
            );
        }
    }
}

// A6
#[test]
fn a_node_is_not_proven_as_a_leaf_of_the_signed_tree() {
    let leaves = leaves(4);
    let head = head(&leaves);
    let left = LeafHash::from_bytes(*reference_root(&leaves[..2]).as_bytes());
    let right = reference_root(&leaves[2..]);
    let shorter = InclusionProof { hashes: vec![right] };
    for index in 0..4 {
        assert!(verify_inclusion(left, index, &head, &shorter).is_err());
    }
}

proptest! {
    #[test]
    fn a_proof_with_anything_else_in_it_is_refused(
        count in 1..200_usize,
        index in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        flipped in 0..256_usize,
    ) {
        let leaves = leaves(count);
        let (index, other) = (index.index(count), other.index(count));
        let head = head(&leaves);
        let good = proof(index, &leaves);
        let check = |leaf, at: usize, head: &TreeHead, proof: &InclusionProof| verify_inclusion(leaf, at as u64, head, proof);
        prop_assert_eq!(check(leaves[index], index, &head, &good), Ok(()));
        if other != index {
            prop_assert!(check(leaves[other], index, &head, &good).is_err(), "another leaf");
            prop_assert!(check(leaves[index], other, &head, &good).is_err(), "another index");
        }
        let mut longer = good.clone();
        longer.hashes.push(NodeHash::empty());
        prop_assert_eq!(check(leaves[index], index, &head, &longer), Err(ProofInvalid::WrongLength));
        if let Some(at) = other.checked_rem(good.hashes.len()) {
            let mut shorter = good.clone();
            shorter.hashes.remove(at);
            prop_assert_eq!(check(leaves[index], index, &head, &shorter), Err(ProofInvalid::WrongLength));
            let mut damaged = good.clone();
            let mut hash = *damaged.hashes[at].as_bytes();
            hash[flipped / 8] ^= 1 << (flipped % 8);
            damaged.hashes[at] = NodeHash::from_bytes(hash);
            prop_assert_eq!(check(leaves[index], index, &head, &damaged), Err(ProofInvalid::WrongRoot));
        }
    }

    #[test]
    fn a_proof_for_another_tree_is_refused(count in 1..200_usize, more in 1..20_usize, index in any::<prop::sample::Index>()) {
        let all = leaves(count + more);
        let index = index.index(count);
        let good = proof(index, &all[..count]);
        let later = head(&all);
        prop_assert!(verify_inclusion(all[index], index as u64, &later, &good).is_err());
        let mislabelled = TreeHead { size: count as u64, root: later.root };
        prop_assert!(verify_inclusion(all[index], index as u64, &mislabelled, &good).is_err());
    }

    #[test]
    fn leaves_of_huge_trees_are_proven(size in 1..=u64::MAX, index in any::<u64>(), near_end in any::<bool>()) {
        let tree = Uniform::new();
        let index = if near_end { size - 1 - index % size.min(9) } else { index % size };
        let head = CompactRange::from_source(size, &tree).unwrap().head();
        let plan = ProofPlan::inclusion(index, size).unwrap();
        let proof = InclusionProof { hashes: plan.hashes(&tree).unwrap() };
        prop_assert_eq!(verify_inclusion(Uniform::leaf(), index, &head, &proof), Ok(()));
        prop_assert!(proof.hashes.len() <= 64);
        prop_assert!(plan.tiles().len() <= 16);
    }

    #[test]
    fn no_index_size_or_hashes_make_checking_panic(
        index in any::<u64>(),
        size in any::<u64>(),
        hashes in prop::collection::vec(any::<[u8; 32]>(), 0..70),
    ) {
        let head = TreeHead { size, root: NodeHash::empty() };
        let proof = InclusionProof { hashes: hashes.into_iter().map(NodeHash::from_bytes).collect() };
        prop_assert!(verify_inclusion(Uniform::leaf(), index, &head, &proof).is_err());
    }
}

#[test]
fn the_ends_of_the_largest_trees_are_proven() {
    let tree = Uniform::new();
    for size in [1 << 63, (1 << 63) + 1, (1 << 63) - 1, u64::MAX] {
        let head = CompactRange::from_source(size, &tree).unwrap().head();
        for index in [0, size / 2, size - 1] {
            let hashes = ProofPlan::inclusion(index, size).unwrap().hashes(&tree).unwrap();
            assert_eq!(
                verify_inclusion(Uniform::leaf(), index, &head, &InclusionProof { hashes }),
                Ok(())
            );
        }
    }
}

#[test]
fn a_leaf_outside_the_tree_has_no_proof() {
    assert!(ProofPlan::inclusion(0, 0).is_err());
    assert!(ProofPlan::inclusion(7, 7).is_err());
    let outside = verify_inclusion(
        Uniform::leaf(),
        7,
        &TreeHead {
            size: 7,
            root: NodeHash::empty(),
        },
        &InclusionProof::default(),
    );
    assert_eq!(outside, Err(ProofInvalid::OutsideTree { index: 7, size: 7 }));
}

#[test]
fn a_source_without_a_hash_says_which() {
    let leaves = leaves(4);
    let missing = ProofPlan::inclusion(0, 5)
        .unwrap()
        .hashes(&Leaves(&leaves))
        .unwrap_err();
    assert_eq!((missing.0.height(), missing.0.index()), (0, 4));
}
