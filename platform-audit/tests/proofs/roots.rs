use platform_audit::{CompactRange, LeafHash, NodeHash, TreeHead};
use proptest::prelude::*;

use crate::support::{Uniform, bytes, leaves, reference_root};

/// The inputs and roots that the implementations of Certificate Transparency share.
const INPUTS: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

// A6
#[test]
fn the_roots_are_those_of_the_vectors_of_rfc_6962() {
    let mut range = CompactRange::new();
    assert_eq!(range.root().to_string(), ROOTS[0]);
    for (input, root) in INPUTS.iter().zip(&ROOTS[1..]) {
        range.append(LeafHash::of(&bytes(input))).unwrap();
        assert_eq!(range.root().to_string(), *root);
    }
}

// A6
#[test]
fn the_two_children_of_a_node_are_not_the_bytes_of_a_leaf() {
    let leaves = leaves(2);
    let node = NodeHash::of(&leaves[0].into(), &leaves[1].into());
    let children = [leaves[0].as_bytes().as_slice(), leaves[1].as_bytes()].concat();
    assert_ne!(NodeHash::from(LeafHash::of(&children)), node);
    let with_prefix = [[1].as_slice(), &children].concat();
    assert_ne!(NodeHash::from(LeafHash::of(&with_prefix)), node);
}

// A6: CVE-2012-2459
#[test]
fn repeating_the_last_leaf_gives_another_root() {
    for count in 1..20 {
        let mut repeated = leaves(count);
        let root = reference_root(&repeated);
        repeated.push(*repeated.last().unwrap());
        let mut range = CompactRange::new();
        range.extend(repeated).unwrap();
        assert_ne!(range.root(), root, "{count} leaves");
    }
}

proptest! {
    #[test]
    fn appending_in_batches_gives_the_root_of_the_definition(batches in prop::collection::vec(0..40_usize, 0..8)) {
        let all = leaves(batches.iter().sum());
        let mut range = CompactRange::new();
        let mut rest = all.as_slice();
        for batch in batches {
            let (now, later) = rest.split_at(batch);
            range.extend(now.iter().copied()).unwrap();
            rest = later;
        }
        prop_assert_eq!(range.head(), TreeHead { size: all.len() as u64, root: reference_root(&all) });
        prop_assert!(range.hashes().len() <= 64);
    }

    #[test]
    fn a_stored_range_goes_on_where_it_was(count in 0..300_usize, more in 0..40_usize) {
        let all = leaves(count + more);
        let mut range = CompactRange::new();
        range.extend(all[..count].iter().copied()).unwrap();
        let mut restored = CompactRange::from_parts(range.size(), range.hashes().to_vec()).unwrap();
        restored.extend(all[count..].iter().copied()).unwrap();
        prop_assert_eq!(restored.root(), reference_root(&all));
    }
}

#[test]
fn a_range_whose_hashes_do_not_fit_its_size_is_refused() {
    let hashes = |count| vec![NodeHash::empty(); count];
    assert!(CompactRange::from_parts(5, hashes(2)).is_ok());
    assert!(CompactRange::from_parts(5, hashes(1)).is_err());
    assert!(CompactRange::from_parts(5, hashes(3)).is_err());
    assert!(CompactRange::from_parts(0, hashes(1)).is_err());
}

#[test]
fn a_tree_grows_to_the_largest_size_and_not_beyond() {
    let tree = Uniform::new();
    for size in [1 << 63, (1 << 63) - 1, u64::MAX - 1] {
        let mut range = CompactRange::from_source(size, &tree).unwrap();
        assert_eq!(range.append(Uniform::leaf()), Ok(size));
        assert_eq!(range, CompactRange::from_source(size + 1, &tree).unwrap());
    }
    let mut full = CompactRange::from_source(u64::MAX, &tree).unwrap();
    let before = full.clone();
    assert!(full.append(Uniform::leaf()).is_err());
    assert_eq!(full, before);
    assert_eq!(full.hashes().len(), 64);
}
