//! The names and contents of tiles, by the crate `tlog_tiles`, which writes the height of tiles into their names.

use platform_audit::{LeafHash, TileId, Tiles, TreeGrowth};
use tlog_tiles::tile::{Tile, TileHashReader};
use tlog_tiles::tlog::{HashReader as _, stored_hash_index};

use crate::support::{Log, SIZES, theirs};

/// C2SP has dropped the height, which is always 8.
fn without_height(path: &str) -> String {
    path.replacen("tile/8/", "tile/", 1)
}

#[test]
fn tiles_are_named_alike() {
    for (level, index, width) in [
        (0, 0, 256),
        (0, 0, 1),
        (0, 999, 255),
        (0, 1_000, 256),
        (1, 1_234_067, 8),
        (3, 1_234_567_890, 256),
        (6, 200, 17),
    ] {
        let tile = Tile::new(8, level, index, u32::from(width), false);
        let id = TileId::new(level, index).unwrap();
        assert_eq!(without_height(&tile.path()), id.path(width));
        assert_eq!(TileId::from_path(&without_height(&tile.path())), Ok((id, width)));
        let read = Tile::from_path(&id.path(width).replacen("tile/", "tile/8/", 1)).unwrap();
        assert_eq!(read, tile);
    }
}

#[test]
fn the_same_tiles_are_new_after_the_same_growth() {
    for pair in SIZES.windows(2) {
        let (old, new) = (pair[0], pair[1]);
        let mut growth = TreeGrowth::resume(0, Tiles::new()).unwrap();
        growth
            .append((0..old).map(|n| LeafHash::of(&n.to_be_bytes())))
            .unwrap();
        growth.take_changed();
        growth
            .append((old..new).map(|n| LeafHash::of(&n.to_be_bytes())))
            .unwrap();
        let mut ours: Vec<_> = growth
            .take_changed()
            .iter()
            .map(|(id, tile)| id.path(tile.width()))
            .collect();
        let mut theirs: Vec<_> = Tile::new_tiles(8, old, new)
            .iter()
            .map(|tile| without_height(&tile.path()))
            .collect();
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs, "{old} to {new}");
    }
}

#[test]
fn every_hash_they_read_from_our_tiles_is_the_one_of_the_tree() {
    let log = Log::of(700);
    let head = log.head(700);
    let reader = TileHashReader::new(700, theirs(&head.root), &log);
    let leaves: Vec<u64> = (0..700).map(|seq| stored_hash_index(0, seq)).collect();
    let read = reader.read_hashes(&leaves).unwrap();
    for (seq, hash) in (0..).zip(&read) {
        assert_eq!(*hash, theirs(&log.leaf(seq).into()));
    }
    let full = reader
        .read_hashes(&[stored_hash_index(8, 0), stored_hash_index(8, 1)])
        .unwrap();
    assert_eq!(full[0], theirs(&log.head(256).root));
}

#[test]
fn a_tile_that_was_changed_is_refused() {
    // A power of two: of other sizes version 0.2.0 leaves the first few tiles unchecked.
    let mut log = Log::of(512);
    let root = theirs(&log.head(512).root);
    let id = TileId::new(0, 1).unwrap();
    let mut bytes = log.tiles.get(id).unwrap().to_bytes();
    bytes[32 * 7] ^= 1;
    log.tiles
        .insert(id, platform_audit::Tile::from_bytes(&bytes).unwrap());
    let reader = TileHashReader::new(512, root, &log);
    assert!(reader.read_hashes(&[stored_hash_index(0, 300)]).is_err());
    assert!(reader.read_hashes(&[stored_hash_index(0, 3)]).is_ok());
}
