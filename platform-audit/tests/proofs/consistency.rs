use platform_audit::{
    CompactRange, ConsistencyProof, LeafHash, Leaves, NodeHash, ProofInvalid, ProofPlan, TreeHead,
    verify_consistency,
};
use proptest::prelude::*;

use crate::support::{Uniform, leaves, reference_proof, reference_root};

fn proof(old: usize, leaves: &[LeafHash]) -> ConsistencyProof {
    let plan = ProofPlan::consistency(old as u64, leaves.len() as u64).unwrap();
    ConsistencyProof {
        hashes: plan.hashes(&Leaves(leaves)).unwrap(),
    }
}

fn head(leaves: &[LeafHash]) -> TreeHead {
    TreeHead {
        size: leaves.len() as u64,
        root: reference_root(leaves),
    }
}

/// The example of RFC 6962, section 2.1.3.
#[test]
fn the_proofs_between_the_trees_of_the_example_are_those_of_the_example() {
    let leaves = leaves(7);
    let node = |range: std::ops::Range<usize>| reference_root(&leaves[range]);
    let (c, d, g) = (node(2..3), node(3..4), node(0..2));
    let (i, j, k, l) = (node(4..6), node(6..7), node(0..4), node(4..7));
    assert_eq!(proof(3, &leaves).hashes, [c, d, g, l]);
    assert_eq!(proof(4, &leaves).hashes, [l]);
    assert_eq!(proof(6, &leaves).hashes, [i, j, k]);
}

#[test]
fn every_small_tree_begins_with_every_smaller_one() {
    for new in 0..50 {
        let leaves = leaves(new);
        for old in 0..=new {
            let proof = proof(old, &leaves);
            if old > 0 {
                assert_eq!(proof.hashes, reference_proof(old, &leaves, true));
            }
            assert_eq!(
                verify_consistency(&head(&leaves[..old]), &head(&leaves), &proof),
                Ok(())
            );
        }
    }
}

proptest! {
    // A12
    #[test]
    fn a_tree_whose_past_was_rewritten_is_not_consistent(
        new in 2..120_usize,
        old in any::<prop::sample::Index>(),
        changed in any::<prop::sample::Index>(),
    ) {
        let honest = leaves(new);
        let old = 1 + old.index(new - 1);
        let mut rewritten = honest.clone();
        rewritten[changed.index(old)] = LeafHash::of(b"rewritten");
        let forged = proof(old, &rewritten);
        prop_assert!(verify_consistency(&head(&honest[..old]), &head(&rewritten), &forged).is_err());
    }

    #[test]
    fn a_proof_with_anything_else_in_it_is_refused(
        new in 2..120_usize,
        old in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let leaves = leaves(new);
        let old = 1 + old.index(new - 1);
        let (older, newer) = (head(&leaves[..old]), head(&leaves));
        let good = proof(old, &leaves);
        let at = at.index(good.hashes.len());
        let mut damaged = good.clone();
        let mut hash = *damaged.hashes[at].as_bytes();
        hash[31] ^= 1 << bit;
        damaged.hashes[at] = NodeHash::from_bytes(hash);
        prop_assert!(verify_consistency(&older, &newer, &damaged).is_err());
        let mut shorter = good.clone();
        shorter.hashes.remove(at);
        prop_assert!(verify_consistency(&older, &newer, &shorter).is_err());
        let mut longer = good.clone();
        longer.hashes.push(NodeHash::empty());
        prop_assert_eq!(verify_consistency(&older, &newer, &longer), Err(ProofInvalid::WrongLength));
        let mislabelled = TreeHead { size: older.size, root: newer.root };
        prop_assert!(verify_consistency(&mislabelled, &newer, &good).is_err());
    }

    #[test]
    fn huge_trees_begin_with_smaller_ones(new in 1..=u64::MAX, old in any::<u64>()) {
        let tree = Uniform::new();
        let old = old % new;
        let head = |size| CompactRange::from_source(size, &tree).unwrap().head();
        let plan = ProofPlan::consistency(old, new).unwrap();
        let proof = ConsistencyProof { hashes: plan.hashes(&tree).unwrap() };
        prop_assert_eq!(verify_consistency(&head(old), &head(new), &proof), Ok(()));
        prop_assert!(proof.hashes.len() <= 65);
        prop_assert!(plan.tiles().len() <= 16);
    }

    #[test]
    fn no_sizes_or_hashes_make_checking_panic(
        old in any::<u64>(),
        new in any::<u64>(),
        hashes in prop::collection::vec(any::<[u8; 32]>(), 1..70),
    ) {
        let head = |size| TreeHead { size, root: NodeHash::from_bytes([7; 32]) };
        let proof = ConsistencyProof { hashes: hashes.into_iter().map(NodeHash::from_bytes).collect() };
        prop_assert!(verify_consistency(&head(old), &head(new), &proof).is_err());
    }
}

#[test]
fn powers_of_two_up_to_the_largest_are_consistent() {
    let tree = Uniform::new();
    let head = |size| CompactRange::from_source(size, &tree).unwrap().head();
    for old in [1, 1 << 62, 1 << 63, (1 << 63) + 1, u64::MAX - 1] {
        let hashes = ProofPlan::consistency(old, u64::MAX)
            .unwrap()
            .hashes(&tree)
            .unwrap();
        assert_eq!(
            verify_consistency(&head(old), &head(u64::MAX), &ConsistencyProof { hashes }),
            Ok(())
        );
    }
}

#[test]
fn a_tree_that_shrank_is_refused() {
    let leaves = leaves(5);
    let shrunk = verify_consistency(&head(&leaves), &head(&leaves[..4]), &ConsistencyProof::default());
    assert_eq!(shrunk, Err(ProofInvalid::Shrunk { old: 5, new: 4 }));
    assert!(ProofPlan::consistency(5, 4).is_err());
}

#[test]
fn two_roots_of_one_size_are_refused() {
    let head = |leaf: &[u8]| TreeHead {
        size: 1,
        root: LeafHash::of(leaf).into(),
    };
    let fork = verify_consistency(&head(b"a"), &head(b"b"), &ConsistencyProof::default());
    assert_eq!(fork, Err(ProofInvalid::WrongOldRoot));
    let no_empty_tree = TreeHead {
        size: 0,
        ..head(b"a")
    };
    assert!(verify_consistency(&no_empty_tree, &head(b"b"), &ConsistencyProof::default()).is_err());
}
