//! The names of tiles.

use std::fmt::{self, Display};

use super::source::NodeAt;
use super::tile::TILE_WIDTH;

/// How many levels of the tree one tile spans.
pub(crate) const TILE_HEIGHT: u8 = 8;

/// The highest level of tiles in a tree whose size is a `u64`.
const LEVEL_MAX: u8 = 7;

const FULL_BITS: u32 = 8;
const GROUP: u64 = 1000;

/// The place of a tile: at level 0 are the hashes of leaves, at level 1 those of full tiles of level 0, and so on
/// (C2SP `tlog-tiles`).
///
/// ```
/// use platform_audit::TileId;
///
/// let tile = TileId::new(0, 1_234_067).expect("such a tile can be");
/// assert_eq!(tile.path(256), "tile/0/x001/x234/067");
/// assert_eq!(tile.path(17), "tile/0/x001/x234/067.p/17");
/// assert_eq!(TileId::from_path("tile/0/x001/x234/067.p/17"), Ok((tile, 17)));
/// assert_eq!(TileId::new(0, 273).map(|tile| tile.width_in(70_000)), Some(112));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    level: u8,
    index: u64,
}

/// A path does not name a tile in the one spelling there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tile's path is like tile/0/x001/234 or tile/1/000.p/17")]
pub struct MalformedTilePath;

impl TileId {
    /// The tile of this level and index; `None` when no tree of at most `u64::MAX` leaves has it.
    pub const fn new(level: u8, index: u64) -> Option<Self> {
        if level > LEVEL_MAX || index > Self::index_max(level) {
            return None;
        }
        Some(Self { level, index })
    }

    /// The tile that holds the hashes from which the node is made.
    pub(super) const fn holding(at: NodeAt) -> Self {
        let below_tile = at.height() % TILE_HEIGHT;
        Self {
            level: at.height() / TILE_HEIGHT,
            index: at.index() >> (TILE_HEIGHT - below_tile),
        }
    }

    const fn index_max(level: u8) -> u64 {
        if level == LEVEL_MAX {
            0
        } else {
            u64::MAX >> (TILE_HEIGHT * (level + 1))
        }
    }

    /// Its level: 0 to 7.
    pub const fn level(self) -> u8 {
        self.level
    }

    /// Its index within the level.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many hashes it has in a tree of this size: 0 when it is not there, 256 when it is full.
    pub fn width_in(self, size: u64) -> u16 {
        let hashes = size >> (TILE_HEIGHT * self.level);
        let before = self.index << FULL_BITS;
        u16::try_from(hashes.saturating_sub(before))
            .unwrap_or(TILE_WIDTH)
            .min(TILE_WIDTH)
    }

    /// The partial tiles of a tree of this size, one for each level at most: what must be read to extend it.
    pub fn right_edge(size: u64) -> Vec<Self> {
        (0..=LEVEL_MAX)
            .filter_map(|level| {
                let hashes = size >> (TILE_HEIGHT * level);
                (hashes & 0xff != 0).then_some(Self {
                    level,
                    index: hashes >> FULL_BITS,
                })
            })
            .collect()
    }

    /// The path under which a tile of this width is published.
    pub fn path(self, width: u16) -> String {
        if width >= TILE_WIDTH {
            self.to_string()
        } else {
            format!("{self}.p/{width}")
        }
    }

    /// Reads a path and gives the tile and its width, 1 to 256.
    ///
    /// # Errors
    /// [`MalformedTilePath`] for another spelling, and for a tile that no tree can have.
    pub fn from_path(path: &str) -> Result<(Self, u16), MalformedTilePath> {
        let rest = path.strip_prefix("tile/").ok_or(MalformedTilePath)?;
        let (level, rest) = rest.split_once('/').ok_or(MalformedTilePath)?;
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, width.parse().map_err(|_| MalformedTilePath)?),
            None => (rest, TILE_WIDTH),
        };
        let level = level.parse().map_err(|_| MalformedTilePath)?;
        let tile = Self::new(level, parse_index(index)?).ok_or(MalformedTilePath)?;
        // Written again it must be the same, so that signs, leading zeros and widths of 0 and 256 are refused.
        if width > 0 && tile.path(width) == path {
            Ok((tile, width))
        } else {
            Err(MalformedTilePath)
        }
    }
}

impl Display for TileId {
    /// The path of the full tile.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/", self.level)?;
        let mut above = self.index / GROUP;
        let mut groups = Vec::new();
        while above > 0 {
            groups.push(above % GROUP);
            above /= GROUP;
        }
        for group in groups.iter().rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", self.index % GROUP)
    }
}

fn parse_index(text: &str) -> Result<u64, MalformedTilePath> {
    let (above, last) = text.rsplit_once('/').map_or((None, text), |(a, l)| (Some(a), l));
    let mut index = 0_u64;
    for group in above.into_iter().flat_map(|above| above.split('/')) {
        let digits = group.strip_prefix('x').ok_or(MalformedTilePath)?;
        index = push_group(index, digits)?;
    }
    push_group(index, last)
}

fn push_group(index: u64, digits: &str) -> Result<u64, MalformedTilePath> {
    let group: u64 = digits.parse().map_err(|_| MalformedTilePath)?;
    index
        .checked_mul(GROUP)
        .and_then(|index| index.checked_add(group))
        .ok_or(MalformedTilePath)
}
