//! A log of ours, and its hashes as others number them.

use platform_audit::{
    Checkpoint, CompactRange, LeafHash, NodeHash, NoteSigner, ProofPlan, TileId, Tiles, TreeGrowth, TreeHead,
};
use platform_core::Sources;
use tlog_tiles::tile::{Tile, TileReader};
use tlog_tiles::tlog::{self, Hash};

pub(crate) const LOG: &str = "audit.example.com/audit/018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12";

pub(crate) struct Log {
    pub(crate) signer: NoteSigner,
    pub(crate) entries: Vec<String>,
    pub(crate) tiles: Tiles,
}

impl Log {
    pub(crate) fn of(count: u64) -> Self {
        let entries: Vec<String> = (0..count).map(|n| format!("{{\"n\":{n}}}")).collect();
        let mut growth = TreeGrowth::resume(0, Tiles::new()).unwrap();
        growth
            .append(entries.iter().map(|entry| LeafHash::of(entry.as_bytes())))
            .unwrap();
        Self {
            signer: NoteSigner::generate(LOG.parse().unwrap(), &Sources::system()),
            tiles: growth.take_changed().into_iter().collect(),
            entries,
        }
    }

    pub(crate) fn leaf(&self, seq: u64) -> LeafHash {
        LeafHash::of(self.entries[usize::try_from(seq).unwrap()].as_bytes())
    }

    pub(crate) fn head(&self, size: u64) -> TreeHead {
        let mut range = CompactRange::new();
        range.extend((0..size).map(|seq| self.leaf(seq))).unwrap();
        range.head()
    }

    pub(crate) fn checkpoint(&self, size: u64) -> String {
        let checkpoint = Checkpoint::new(LOG.parse().unwrap(), self.head(size));
        checkpoint.sign(&self.signer).unwrap().to_string()
    }

    pub(crate) fn inclusion(&self, seq: u64, size: u64) -> Vec<NodeHash> {
        // The tiles are those of the whole log; a smaller tree has the same hashes, fewer of them.
        ProofPlan::inclusion(seq, size)
            .unwrap()
            .hashes(&self.tiles)
            .unwrap()
    }

    pub(crate) fn consistency(&self, old: u64, new: u64) -> Vec<NodeHash> {
        ProofPlan::consistency(old, new)
            .unwrap()
            .hashes(&self.tiles)
            .unwrap()
    }
}

pub(crate) fn theirs(hash: &NodeHash) -> Hash {
    Hash(*hash.as_bytes())
}

pub(crate) fn ours(hash: &Hash) -> NodeHash {
    NodeHash::from_bytes(hash.0)
}

/// Sizes around those where the shape of a tree changes.
pub(crate) const SIZES: [u64; 12] = [1, 2, 3, 7, 8, 9, 100, 255, 256, 257, 511, 700];

/// Our tiles, for the other implementation to read.
impl TileReader for Log {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog::Error> {
        let bytes = |tile: &Tile| {
            let id = TileId::new(tile.level(), tile.level_index()).ok_or(tlog::Error::InvalidTile)?;
            let stored = self.tiles.get(id).ok_or(tlog::Error::InvalidTile)?;
            // A partial tile is the beginning of a wider one.
            let bytes = stored.to_bytes();
            let wanted = usize::try_from(tile.width()).unwrap() * 32;
            bytes
                .get(..wanted)
                .map(<[u8]>::to_vec)
                .ok_or(tlog::Error::InvalidTile)
        };
        tiles.iter().map(bytes).collect()
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}
