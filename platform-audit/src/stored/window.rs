//! A stretch of a stored trail.

use std::collections::BTreeMap;

use platform_core::pg::{DbError, TenantRead};
use platform_core::uuid::Uuid;
use sqlx::FromRow as _;

use super::budget::Budget;
use super::events::Events;
use crate::{HASH_BYTES, LeafHash, TILE_WIDTH};

/// How many positions are read at a time.
pub(super) const POSITIONS: u64 = 4_096;

/// The most leaves that are read for a window. More there are only where rows stand more than once.
const LEAVES_MAX: i64 = 20_000;

/// The most tiles. A window touches 17 at most.
const TILES_MAX: i64 = 100;

/// The first index of a tile of level 0 whose positions are none: a position is a bigint.
pub(super) const TILES_END: i64 = 1 << 55;

/// How many rows of one position are looked at where they are too large.
const REPEATED_MAX: usize = 8;

/// What is stored for some positions in a row, as of one moment.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The first position that belongs to it.
    pub(super) start: u64,
    /// The first that does not.
    pub(super) end: u64,
    pub(super) leaves: Vec<Leaf>,
    /// The hash in the tile of level 0.
    pub(super) tiles: BTreeMap<u64, LeafHash>,
    /// Tiles of level 0 that are there twice or whose width is not that of their hashes, as positions.
    pub(super) odd_tiles: Vec<(u64, u64)>,
    pub(super) checkpoints: Vec<Checkpoint>,
    /// How large the stored tree said it was.
    pub(super) tree_size: Option<u64>,
    pub(super) events: Events,
    /// It was too large and is smaller than was asked for.
    pub(super) was_halved: bool,
}

#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) seq: u64,
    pub(super) id: Uuid,
    pub(super) hash: LeafHash,
}

#[derive(Debug)]
pub(super) struct Checkpoint {
    pub(super) size: u64,
    pub(super) root: Vec<u8>,
    pub(super) note: String,
}

/// Kind, position or size or index, id, hashes, note, width.
type Row = (
    i16,
    Option<i64>,
    Option<Uuid>,
    Option<Vec<u8>>,
    Option<String>,
    Option<i16>,
);

const LEAF: i16 = 0;
const TILE: i16 = 1;
const CHECKPOINT: i16 = 2;

impl Window {
    /// Reads the window of at most so many positions from one on, or the next one in which anything is; fewer where they are large.
    /// `is_first` says that the heads of that size itself belong to it too.
    pub(super) async fn read(
        read: &mut TenantRead,
        from: u64,
        is_first: bool,
        positions: u64,
    ) -> Result<Option<Self>, DbError> {
        if i64::try_from(from).is_err() {
            // Behind the last position that a column can hold.
            return Ok(None);
        }
        let mut window = Self::read_at(read, from, is_first, positions).await?;
        if window.is_empty() {
            match next_position(read, from).await? {
                Some(next) => window = Self::read_at(read, next, false, positions).await?,
                None => return Ok(None),
            }
        }
        if window.is_empty() {
            return Ok(None);
        }
        loop {
            // Larger ones belong to positions that were not there yet.
            let next = window.next();
            window.checkpoints.retain(|checkpoint| checkpoint.size <= next);
            let ids: Vec<Uuid> = window.leaves.iter().map(|leaf| leaf.id).collect();
            let budget = match window.positions() {
                1 => Budget::single(),
                _ => Budget::window(),
            };
            if let Some(events) = Events::read(read, &ids, budget).await? {
                window.events = events;
                return Ok(Some(window));
            }
            window.halve();
        }
    }

    fn is_empty(&self) -> bool {
        self.leaves.is_empty() && self.tiles.is_empty()
    }

    /// The first position of which anything is stored.
    fn first(&self) -> u64 {
        let leaf = self.leaves.first().map(|leaf| leaf.seq);
        let tile = self.tiles.first_key_value().map(|(seq, _)| *seq);
        leaf.into_iter().chain(tile).min().unwrap_or(self.start)
    }

    /// How many positions there are from the first of which anything is stored to the last.
    fn positions(&self) -> u64 {
        self.next().saturating_sub(self.first())
    }

    /// How many positions to read for the next one: a few more than were not too large this time.
    pub(super) fn positions_next(&self) -> u64 {
        let positions = match self.was_halved {
            true => self.positions(),
            false => self.end.saturating_sub(self.start),
        };
        positions.saturating_add(positions / 4 + 1).clamp(1, POSITIONS)
    }

    /// Leaves the second half to the next window.
    fn halve(&mut self) {
        let first = self.first();
        self.end = first.saturating_add((self.positions() / 2).max(1));
        self.was_halved = true;
        self.leaves.retain(|leaf| leaf.seq < self.end);
        drop(self.tiles.split_off(&self.end));
        self.odd_tiles.retain(|(first, _)| *first < self.end);
        if self.positions() == 1 {
            // What stands there again and again is found by its first rows. That of the tile must be among them.
            let tile = self.tiles.get(&first).copied();
            self.leaves.sort_by_key(|leaf| Some(leaf.hash) != tile);
            self.leaves.truncate(REPEATED_MAX);
        }
    }

    /// Where the next window begins: behind the last position that was there, since more may have come.
    pub(super) fn next(&self) -> u64 {
        let last = self.leaves.last().map(|leaf| leaf.seq);
        let last = last.max(self.tiles.last_key_value().map(|(seq, _)| *seq));
        last.map_or(self.start, |last| last.saturating_add(1))
    }

    async fn read_at(
        read: &mut TenantRead,
        start: u64,
        is_first: bool,
        positions: u64,
    ) -> Result<Self, DbError> {
        let mut positions = positions;
        loop {
            let budget = match positions {
                1 => Budget::single(),
                _ => Budget::window(),
            };
            if let Some(window) = Self::read_within(read, start, is_first, positions, budget).await? {
                return Ok(window);
            }
            positions = (positions / 2).max(1);
        }
    }

    /// `None` when it is more than the budget allows.
    async fn read_within(
        read: &mut TenantRead,
        start: u64,
        is_first: bool,
        positions: u64,
        mut budget: Budget,
    ) -> Result<Option<Self>, DbError> {
        let end = start.saturating_add(positions);
        // One statement, so that all of it is of one moment: the sequencer may be at work.
        let rows = sqlx::query(
            "(select 0::smallint as kind, seq as at, id, substring(leaf from 1 for 33), null::text as note, null::smallint as width
              from platform_audit.leaf where tenant_id = $1 and seq >= $2 and seq <= $3 order by seq, id limit $5)
             union all
             (select 1::smallint, idx, null, substring(hashes from 1 for 8192), null, width
              from platform_audit.tile where tenant_id = $1 and level = 0 and idx >= $2 / 256 and idx <= $3 / 256
              order by idx limit $6)
             union all
             (select 2::smallint, size, null, substring(root from 1 for 33), left(note, 65536), null
              from platform_audit.checkpoint where tenant_id = $1 and size > $4 and size <= $7 order by size limit $5)
             union all
             (select 3::smallint, size, null, null, null, null
              from platform_audit.tree where tenant_id = $1 limit $5)
             order by kind, at, id",
        )
        .bind(read.tenant())
        .bind(signed(start))
        .bind(signed(end.saturating_sub(1)))
        .bind(signed(start) - i64::from(is_first))
        .bind(LEAVES_MAX)
        .bind(TILES_MAX)
        .bind(signed(end));
        let Some(rows) = budget.fetch(read, rows).await? else {
            return Ok(None);
        };
        let mut window = Self {
            start,
            end,
            ..Self::default()
        };
        let mut last_tile = None;
        for row in rows {
            let (kind, at, id, bytes, note, width) = Row::from_row(&row)?;
            let bytes = bytes.unwrap_or_default();
            let Some(at) = at.and_then(|at| u64::try_from(at).ok()) else {
                continue;
            };
            match kind {
                LEAF => window.leaves.push(Leaf {
                    seq: at,
                    id: id.unwrap_or_default(),
                    hash: LeafHash::from_slice(&bytes).unwrap_or_else(|_| LeafHash::of(&bytes)),
                }),
                TILE => {
                    let repeated = last_tile.replace(at) == Some(at);
                    window.tile(at, &bytes, width, repeated);
                }
                CHECKPOINT => window.checkpoints.push(Checkpoint {
                    size: at,
                    root: bytes,
                    note: note.unwrap_or_default(),
                }),
                _ => window.tree_size = window.tree_size.max(Some(at)),
            }
        }
        Ok(Some(window))
    }

    fn tile(&mut self, index: u64, bytes: &[u8], width: Option<i16>, repeated: bool) {
        let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
        let first = index.saturating_mul(u64::from(TILE_WIDTH));
        let last = first.saturating_add(u64::try_from(hashes.len()).unwrap_or(u64::MAX).max(1) - 1);
        let is_as_wide = width.and_then(|width| usize::try_from(width).ok()) == Some(hashes.len());
        if (repeated || !is_as_wide || !rest.is_empty()) && last >= self.start {
            self.odd_tiles.push((first, last));
        }
        if repeated {
            return;
        }
        for (seq, hash) in (first..).zip(hashes) {
            if (self.start..self.end).contains(&seq) {
                self.tiles.insert(seq, LeafHash::from_bytes(*hash));
            }
        }
    }
}

/// The next position of which anything is stored.
async fn next_position(read: &mut TenantRead, from: u64) -> Result<Option<u64>, DbError> {
    if i64::try_from(from).is_err() {
        return Ok(None);
    }
    let next: Option<i64> = sqlx::query_scalar(
        "select least(
           (select min(seq) from platform_audit.leaf where tenant_id = $1 and seq >= $2),
           (select min(greatest(idx * 256, $2)) from platform_audit.tile
            where tenant_id = $1 and level = 0 and idx between $2 / 256 and $3
              and idx::numeric * 256 + least(octet_length(hashes) / 32, 256) > $2))",
    )
    .bind(read.tenant())
    .bind(signed(from))
    .bind(TILES_END - 1)
    .fetch_one(&mut *read)
    .await?;
    Ok(next
        .and_then(|next| u64::try_from(next).ok())
        .map(|next| next.max(from)))
}

/// A number for a bigint column. No tree grows to 2^63 leaves.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
