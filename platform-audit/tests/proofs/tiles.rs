use platform_audit::{
    CompactRange, ConsistencyProof, InclusionProof, MalformedTilePath, NodeHash, ProofPlan, Tile, TileId,
    Tiles, TreeGrowth, TreeGrowthError, verify_consistency, verify_inclusion,
};
use proptest::prelude::*;

use crate::support::{leaves, reference_path, reference_root};

fn grown(count: usize, batch: usize) -> Tiles {
    let mut stored = Tiles::new();
    let mut size = 0;
    for batch in leaves(count).chunks(batch) {
        let edge = TileId::right_edge(size)
            .into_iter()
            .map(|id| (id, stored.get(id).unwrap().clone()))
            .collect();
        let mut growth = TreeGrowth::resume(size, edge).unwrap();
        growth.append(batch.iter().copied()).unwrap();
        for (id, tile) in growth.take_changed() {
            stored.insert(id, tile);
        }
        assert_eq!(growth.take_changed(), []);
        size += batch.len() as u64;
        assert_eq!(growth.head().size, size);
    }
    stored
}

/// The example of C2SP `tlog-tiles`.
#[test]
fn a_tree_of_70000_leaves_has_the_tiles_of_the_example() {
    let width = |level, index| TileId::new(level, index).unwrap().width_in(70_000);
    assert_eq!((width(0, 272), width(0, 273), width(0, 274)), (256, 112, 0));
    assert_eq!((width(1, 0), width(1, 1), width(1, 2)), (256, 17, 0));
    assert_eq!((width(2, 0), width(2, 1), width(3, 0)), (1, 0, 0));
    let edge: Vec<_> = TileId::right_edge(70_000)
        .iter()
        .map(|tile| tile.path(tile.width_in(70_000)))
        .collect();
    assert_eq!(edge, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
    let edge: Vec<_> = TileId::right_edge(256)
        .iter()
        .map(|tile| tile.path(tile.width_in(256)))
        .collect();
    assert_eq!(edge, ["tile/1/000.p/1"]);
    assert_eq!(TileId::right_edge(0), []);
}

#[test]
fn a_tree_grown_in_batches_has_the_tiles_of_its_size_and_no_others() {
    let tiles = grown(70_000, 9_973);
    for level in 0..4 {
        for index in 0..275 {
            let id = TileId::new(level, index).unwrap();
            assert_eq!(tiles.get(id).map_or(0, Tile::width), id.width_in(70_000), "{id}");
        }
    }
}

#[test]
fn proofs_from_tiles_are_those_of_the_definition() {
    let count = 70_000;
    let (all, tiles) = (leaves(count), grown(count, 12_345));
    let head = CompactRange::from_source(count as u64, &tiles).unwrap().head();
    assert_eq!(head.root, reference_root(&all));
    for index in [0, 1, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999] {
        let plan = ProofPlan::inclusion(index as u64, count as u64).unwrap();
        let needed: Tiles = plan
            .tiles()
            .into_iter()
            .map(|id| (id, tiles.get(id).unwrap().clone()))
            .collect();
        let proof = InclusionProof {
            hashes: plan.hashes(&needed).unwrap(),
        };
        assert_eq!(proof.hashes, reference_path(index, &all));
        assert_eq!(verify_inclusion(all[index], index as u64, &head, &proof), Ok(()));
    }
    for old in [1, 255, 256, 257, 65_536, 65_537, 69_999] {
        let plan = ProofPlan::consistency(old, count as u64).unwrap();
        let needed: Tiles = plan
            .tiles()
            .into_iter()
            .map(|id| (id, tiles.get(id).unwrap().clone()))
            .collect();
        let proof = ConsistencyProof {
            hashes: plan.hashes(&needed).unwrap(),
        };
        let older = CompactRange::from_source(old, &tiles).unwrap().head();
        assert_eq!(verify_consistency(&older, &head, &proof), Ok(()));
    }
}

#[test]
fn a_tree_does_not_go_on_from_tiles_that_do_not_fit_its_size() {
    let tiles = grown(300, 300);
    assert!(TreeGrowth::resume(300, tiles.clone()).is_ok());
    let too_wide = TreeGrowth::resume(299, tiles.clone()).unwrap_err();
    assert!(matches!(
        too_wide,
        TreeGrowthError::Width {
            expected: 43,
            found: 44,
            ..
        }
    ));
    let too_narrow = TreeGrowth::resume(301, tiles.clone()).unwrap_err();
    assert!(matches!(
        too_narrow,
        TreeGrowthError::Width {
            expected: 45,
            found: 44,
            ..
        }
    ));
    let missing = TreeGrowth::resume(700, tiles).unwrap_err();
    assert!(matches!(missing, TreeGrowthError::Width { found: 0, .. }));
}

#[test]
fn a_path_has_one_spelling() {
    for path in [
        "tile/0/000",
        "tile/0/000.p/1",
        "tile/7/000.p/255",
        "tile/3/x001/000",
        "tile/0/x072/x057/x594/x037/x927/935",
    ] {
        let (id, width) = TileId::from_path(path).unwrap();
        assert_eq!(id.path(width), path);
    }
    for path in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/00/000",
        "tile/+0/000",
        "tile/-1/000",
        "tile/8/000",
        "tile/64/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/00a",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/x001/x002",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p/1/",
        "tile/0/000/",
        "tile/7/001",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/0/+01",
        "tile/data/000",
        "tile/0/000.p/1.p/1",
        "tile/0/x0١1/000",
    ] {
        assert_eq!(TileId::from_path(path), Err(MalformedTilePath), "{path}");
    }
}

#[test]
fn bytes_that_are_no_tile_are_refused() {
    for length in [0, 1, 31, 33, 8191, 8193, 8224] {
        assert!(Tile::from_bytes(&vec![0; length]).is_err(), "{length} bytes");
    }
    assert_eq!(Tile::from_bytes(&[0; 8192]).unwrap().width(), 256);
}

proptest! {
    #[test]
    fn paths_and_tiles_are_read_as_they_were_written(
        level in 0..8_u8,
        index in any::<u64>(),
        hashes in prop::collection::vec(any::<[u8; 32]>(), 1..=256),
    ) {
        let index = if level == 7 { 0 } else { index >> (8 * (level + 1)) };
        let id = TileId::new(level, index).unwrap();
        let tile = Tile::from_bytes(&hashes.concat()).unwrap();
        prop_assert_eq!(TileId::from_path(&id.path(tile.width())), Ok((id, tile.width())));
        prop_assert_eq!(Tile::from_bytes(&tile.to_bytes()).unwrap(), tile.clone());
        prop_assert_eq!(tile.hashes()[0], NodeHash::from_bytes(hashes[0]));
    }

    #[test]
    fn the_right_edge_is_what_a_tree_of_any_size_has_partial(size in any::<u64>()) {
        for id in TileId::right_edge(size) {
            prop_assert!((1..256).contains(&id.width_in(size)));
        }
    }
}
