//! Tiles: the stored form of a tree.

use std::collections::BTreeMap;

use super::source::{HashSource, NodeAt, fold_full};
use super::tile_id::TILE_HEIGHT;
use crate::{HASH_BYTES, NodeHash, TileId};

/// How many hashes a full tile has.
pub const TILE_WIDTH: u16 = 256;

/// 1 to 256 consecutive hashes of one level. A tile only ever grows; the hashes that it has do not change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tile {
    hashes: Vec<NodeHash>,
}

/// Bytes that are not a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tile has 1 to {TILE_WIDTH} hashes of {HASH_BYTES} bytes, not {bytes} bytes")]
pub struct MalformedTile {
    /// How many bytes there were.
    pub bytes: usize,
}

impl Tile {
    /// Reads a tile from its hashes in one row, 8192 bytes when it is full.
    ///
    /// # Errors
    /// [`MalformedTile`] when there are no hashes, too many, or half a one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MalformedTile> {
        let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
        if hashes.is_empty() || hashes.len() > usize::from(TILE_WIDTH) || !rest.is_empty() {
            return Err(MalformedTile { bytes: bytes.len() });
        }
        Ok(Self {
            hashes: hashes.iter().map(|hash| NodeHash::from_bytes(*hash)).collect(),
        })
    }

    /// The hashes in one row.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
    }

    /// How many hashes it has: 256 at most.
    pub fn width(&self) -> u16 {
        u16::try_from(self.hashes.len()).unwrap_or(TILE_WIDTH)
    }

    /// Its hashes; at level 0 those of leaves.
    pub fn hashes(&self) -> &[NodeHash] {
        &self.hashes
    }

    pub(super) fn push(&mut self, hash: NodeHash) {
        self.hashes.push(hash);
    }
}

/// Tiles in memory, as a source of hashes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tiles {
    pub(super) tiles: BTreeMap<TileId, Tile>,
}

impl Tiles {
    /// No tiles.
    pub const fn new() -> Self {
        Self {
            tiles: BTreeMap::new(),
        }
    }

    /// Adds a tile, in place of a narrower or wider one that was there.
    pub fn insert(&mut self, id: TileId, tile: Tile) {
        self.tiles.insert(id, tile);
    }

    /// The tile at this place.
    pub fn get(&self, id: TileId) -> Option<&Tile> {
        self.tiles.get(&id)
    }
}

impl FromIterator<(TileId, Tile)> for Tiles {
    fn from_iter<I: IntoIterator<Item = (TileId, Tile)>>(tiles: I) -> Self {
        Self {
            tiles: tiles.into_iter().collect(),
        }
    }
}

impl HashSource for Tiles {
    fn node(&self, at: NodeAt) -> Option<NodeHash> {
        let below_tile = at.height() % TILE_HEIGHT;
        let tile = self.get(TileId::holding(at))?;
        let width = 1_usize << below_tile;
        let within = at.index() & (u64::MAX >> (64 - TILE_HEIGHT + below_tile));
        let start = usize::try_from(within << below_tile).ok()?;
        let hashes = tile.hashes.get(start..start.checked_add(width)?)?;
        Some(fold_full(hashes.to_vec()))
    }
}
