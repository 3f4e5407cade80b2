//! Extending a stored tree by a batch.

use std::collections::BTreeSet;

use super::tile_id::TILE_HEIGHT;
use super::{CompactRange, MissingHash, Tile, TileId, Tiles, TreeFull};
use crate::{LeafHash, TreeHead};

/// A tree that is stored as tiles, while leaves are appended to it.
///
/// Read the tiles of [`TileId::right_edge`], append, then store what [`take_changed`](Self::take_changed) gives together with the
/// leaves: the full tiles are never touched again.
///
/// ```
/// use platform_audit::{LeafHash, TileId, Tiles, TreeGrowth};
///
/// let mut growth = TreeGrowth::resume(0, Tiles::new())?;
/// growth.append((0..300_u32).map(|n| LeafHash::of(&n.to_be_bytes())))?;
/// let widths: Vec<_> = growth.take_changed().iter().map(|(id, tile)| (id.to_string(), tile.width())).collect();
/// assert_eq!(widths, [("tile/0/000".into(), 256), ("tile/0/001".into(), 44), ("tile/1/000".into(), 1)]);
///
/// let stored: Tiles = growth.tiles().collect();
/// assert_eq!(TreeGrowth::resume(300, stored)?.head(), growth.head());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct TreeGrowth {
    range: CompactRange,
    edge: Tiles,
    changed: BTreeSet<TileId>,
}

/// Stored tiles are not those of a tree of the stored size. Nothing may be appended before somebody has found out why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeGrowthError {
    /// A tile at the right edge is missing, or narrower or wider than the size says.
    #[error("{tile} has {found} hashes where the tree has {expected}")]
    Width {
        /// The tile.
        tile: TileId,
        /// Its width in a tree of this size.
        expected: u16,
        /// Its width as stored; 0 when it is missing.
        found: u16,
    },
    /// A hash is missing.
    #[error(transparent)]
    Missing(#[from] MissingHash),
}

impl TreeGrowth {
    /// The tree of this size whose right edge is in `tiles`; other tiles are dropped.
    ///
    /// Compare [`head`](Self::head) with the last signed checkpoint before appending.
    ///
    /// # Errors
    /// [`TreeGrowthError`]: the tiles and the size contradict each other.
    pub fn resume(size: u64, mut tiles: Tiles) -> Result<Self, TreeGrowthError> {
        let mut edge = Tiles::new();
        for id in TileId::right_edge(size) {
            let tile = tiles.tiles.remove(&id).unwrap_or_default();
            let (expected, found) = (id.width_in(size), tile.width());
            if expected != found {
                return Err(TreeGrowthError::Width {
                    tile: id,
                    expected,
                    found,
                });
            }
            edge.insert(id, tile);
        }
        Ok(Self {
            range: CompactRange::from_source(size, &edge)?,
            edge,
            changed: BTreeSet::new(),
        })
    }

    /// Appends leaves in order; the first gets the index that [`head`](Self::head) has as its size.
    ///
    /// # Errors
    /// [`TreeFull`]: those before the first that did not fit are appended.
    pub fn append(&mut self, leaves: impl IntoIterator<Item = LeafHash>) -> Result<(), TreeFull> {
        for leaf in leaves {
            let (edge, changed) = (&mut self.edge, &mut self.changed);
            self.range.append_with(leaf, |at, hash| {
                if at.height() % TILE_HEIGHT == 0 {
                    let id = TileId::holding(at);
                    edge.tiles.entry(id).or_default().push(hash);
                    changed.insert(id);
                }
            })?;
        }
        Ok(())
    }

    /// The size and root after what was appended so far.
    pub fn head(&self) -> TreeHead {
        self.range.head()
    }

    /// The roots of the full subtrees, for a checkpoint of one's own.
    pub const fn range(&self) -> &CompactRange {
        &self.range
    }

    /// The tiles that are held: those at the right edge, and the changed ones not yet taken.
    pub fn tiles(&self) -> impl Iterator<Item = (TileId, Tile)> {
        self.edge.tiles.iter().map(|(id, tile)| (*id, tile.clone()))
    }

    /// The tiles that have grown since the last call, lowest level first, to be stored in place of their narrower selves.
    pub fn take_changed(&mut self) -> Vec<(TileId, Tile)> {
        let changed = std::mem::take(&mut self.changed);
        let edge: BTreeSet<TileId> = TileId::right_edge(self.range.size()).into_iter().collect();
        let tiles = changed
            .into_iter()
            .filter_map(|id| self.edge.get(id).map(|tile| (id, tile.clone())))
            .collect();
        self.edge.tiles.retain(|id, _| edge.contains(id));
        tiles
    }
}
