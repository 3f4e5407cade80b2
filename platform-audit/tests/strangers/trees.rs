//! Roots and proofs, by the crate `tlog_tiles`.

use platform_audit::{
    ConsistencyProof, InclusionProof, LeafHash, NodeHash, TreeHead, verify_consistency, verify_inclusion,
};
use tlog_tiles::tile::TileHashReader;
use tlog_tiles::tlog::{
    check_record, check_tree, node_hash, prove_record, prove_tree, record_hash, tree_hash,
};

use crate::support::{Log, SIZES, ours, theirs};

// A6
#[test]
fn leaves_and_nodes_are_hashed_alike() {
    for bytes in [&b""[..], b"\x00", b"{\"n\":1}", &[1; 65]] {
        assert_eq!(ours(&record_hash(bytes)), NodeHash::from(LeafHash::of(bytes)));
    }
    let (left, right) = (LeafHash::of(b"a").into(), LeafHash::of(b"b").into());
    assert_eq!(
        ours(&node_hash(theirs(&left), theirs(&right))),
        NodeHash::of(&left, &right)
    );
    // What is below a node, offered as a leaf, is another leaf.
    let forged = [left.as_bytes().as_slice(), right.as_bytes()].concat();
    assert_ne!(ours(&record_hash(&forged)), NodeHash::of(&left, &right));
}

#[test]
fn they_find_our_roots_in_our_tiles() {
    let log = Log::of(700);
    for size in SIZES {
        let head = log.head(size);
        let reader = TileHashReader::new(size, theirs(&head.root), &log);
        assert_eq!(tree_hash(size, &reader).unwrap(), theirs(&head.root), "{size}");
        // A reader checks the tiles against the root.
        let other = TileHashReader::new(size, theirs(&Log::of(701).head(701).root), &log);
        assert!(tree_hash(size, &other).is_err());
    }
}

#[test]
fn inclusion_proofs_are_the_same_and_each_checks_the_others() {
    let log = Log::of(700);
    for size in SIZES {
        let head = log.head(size);
        let root = theirs(&head.root);
        let reader = TileHashReader::new(size, root, &log);
        for seq in [0, 1, size / 2, size.saturating_sub(2), size - 1]
            .into_iter()
            .filter(|seq| *seq < size)
        {
            let made: Vec<_> = log.inclusion(seq, size).iter().map(theirs).collect();
            let leaf = theirs(&log.leaf(seq).into());
            assert!(
                check_record(&made, size, root, seq, leaf).is_ok(),
                "{seq} of {size}"
            );
            assert!(check_record(&made, size, root, seq, record_hash(b"another")).is_err());

            let proven = prove_record(size, seq, &reader).unwrap();
            assert_eq!(proven, made, "{seq} of {size}");
            let proof = InclusionProof {
                hashes: proven.iter().map(ours).collect(),
            };
            assert_eq!(verify_inclusion(log.leaf(seq), seq, &head, &proof), Ok(()));
            if size > 1 {
                assert!(verify_inclusion(log.leaf(seq), (seq + 1) % size, &head, &proof).is_err());
                assert!(check_record(&made, size, root, (seq + 1) % size, leaf).is_err());
            }
        }
    }
}

#[test]
fn consistency_proofs_are_the_same_and_each_checks_the_others() {
    let log = Log::of(700);
    for new in SIZES {
        let head = log.head(new);
        let reader = TileHashReader::new(new, theirs(&head.root), &log);
        for old in SIZES.into_iter().filter(|old| *old <= new) {
            let before = log.head(old);
            let made: Vec<_> = log.consistency(old, new).iter().map(theirs).collect();
            let (root, old_root) = (theirs(&head.root), theirs(&before.root));
            assert!(
                check_tree(&made, new, root, old, old_root).is_ok(),
                "{old} in {new}"
            );
            if old < new {
                assert!(check_tree(&made, new, root, old, root).is_err());
            }
            let proven = prove_tree(new, old, &reader).unwrap();
            assert_eq!(proven, made, "{old} in {new}");
            let proof = ConsistencyProof {
                hashes: proven.iter().map(ours).collect(),
            };
            assert_eq!(verify_consistency(&before, &head, &proof), Ok(()));
            let forked = TreeHead {
                size: old,
                root: Log::of(1).head(0).root,
            };
            assert!(verify_consistency(&forked, &head, &proof).is_err());
        }
    }
}
