//! The tiles above level 0, and how large the tree is said to be.

use std::collections::HashMap;

use futures::TryStreamExt as _;
use futures::stream::BoxStream;
use platform_core::pg::{DbError, TenantRead};

use super::window::{TILES_END, signed};
use crate::verify::TileHash;
use crate::{Finding, HASH_BYTES, NodeHash, TILE_WIDTH, TileId, Verifier};

/// The stored tiles above level 0 that were read last, one for each level.
#[derive(Debug, Default)]
pub(super) struct UpperTiles {
    read: HashMap<u8, (u64, Vec<NodeHash>)>,
}

impl UpperTiles {
    /// Compares stored tiles with the hashes that they must have.
    pub(super) async fn compare(
        &mut self,
        read: &mut TenantRead,
        expected: &[TileHash],
        verifier: &mut Verifier,
    ) -> Result<(), DbError> {
        let mut wrong: Vec<(u8, u64)> = Vec::new();
        for TileHash { level, index, hash } in expected {
            if self.hash(read, *level, *index).await? != Some(*hash) {
                wrong.push((*level, *index));
            }
        }
        // By level, so that neighbours become one finding.
        wrong.sort_unstable();
        for (level, index) in wrong {
            verifier.found(altered(level, index, index));
        }
        Ok(())
    }

    async fn hash(
        &mut self,
        read: &mut TenantRead,
        level: u8,
        index: u64,
    ) -> Result<Option<NodeHash>, DbError> {
        let width = u64::from(TILE_WIDTH);
        let (tile, at) = (index / width, usize::try_from(index % width).unwrap_or(0));
        let known = self
            .read
            .get(&level)
            .filter(|(known, hashes)| *known == tile && hashes.len() > at);
        if known.is_none() {
            // A partial tile may have grown since it was read.
            self.read
                .insert(level, (tile, tile_hashes(read, level, tile).await?));
        }
        Ok(self
            .read
            .get(&level)
            .and_then(|(_, hashes)| hashes.get(at))
            .copied())
    }
}

async fn tile_hashes(read: &mut TenantRead, level: u8, index: u64) -> Result<Vec<NodeHash>, DbError> {
    let bytes: Option<Vec<u8>> = sqlx::query_scalar(
        "select substring(hashes from 1 for 8192) from platform_audit.tile where tenant_id = $1 and level = $2 and idx = $3 limit 1",
    )
    .bind(read.tenant())
    .bind(i16::from(level))
    .bind(signed(index))
    .fetch_optional(&mut *read)
    .await?;
    let bytes = bytes.unwrap_or_default();
    let (hashes, _) = bytes.as_chunks::<HASH_BYTES>();
    Ok(hashes.iter().map(|hash| NodeHash::from_bytes(*hash)).collect())
}

/// How large the trail was found to be.
#[derive(Debug)]
pub(super) struct Sizes {
    /// Where the verification began.
    pub(super) start: u64,
    /// Behind the last position that has a leaf and a hash in a tile.
    pub(super) grown_to: u64,
    /// The stored size at the beginning.
    pub(super) begin: Option<u64>,
}

impl Sizes {
    /// Compares with what is stored as the size of the tree, and with the tiles above level 0, as of one moment.
    pub(super) async fn compare(
        &self,
        read: &mut TenantRead,
        verifier: &mut Verifier,
    ) -> Result<(), DbError> {
        let mut stored = Stored::default();
        // Of one moment, and one row at a time: whoever has every right on the database decides how many there are.
        let mut rows = rows(read);
        while let Some(row) = rows.try_next().await? {
            let (kind, level, at, width, bytes) = row;
            match kind {
                TREE => {
                    stored.trees = stored.trees.saturating_add(1);
                    stored.largest = stored.largest.max(number(at));
                }
                LEAVES => stored.leaves = u64::try_from(at).map_or(0, |last| last.saturating_add(1)),
                _ => {
                    let tile = (level, at);
                    let repeated = stored.last_tile.replace(tile) == Some(tile);
                    if let Some(finding) = stored.judge(tile, width, bytes, repeated) {
                        verifier.found(finding);
                    }
                }
            }
        }
        if !self.is_head(&stored) {
            verifier.found(Finding::TreeAltered);
        }
        if stored.leaves < self.start {
            verifier.found(Finding::Truncated {
                from: stored.leaves,
                to: self.start,
            });
        }
        Ok(())
    }

    /// Whether what is stored as the size of the tree is that of the trail.
    fn is_head(&self, stored: &Stored) -> bool {
        let size = stored.largest;
        match stored.trees {
            0 => stored.leaves == 0,
            // Leaves without tiles behind an unchanged tree are what does not belong there.
            1 if Some(size) == self.begin => size >= self.grown_to,
            1 => size >= stored.leaves,
            _ => false,
        }
    }
}

/// What the sizes are compared with, in the order in which it is read.
#[derive(Debug, Default)]
struct Stored {
    /// How many rows say how large the tree is, and the largest of their sizes.
    trees: u64,
    largest: u64,
    /// Behind the last position that has a leaf.
    leaves: u64,
    /// Level and index.
    last_tile: Option<(i16, i64)>,
}

impl Stored {
    /// What is wrong with a tile above level 0, or with one that has no place in any tree.
    fn judge(&self, (level, index): (i16, i64), width: i16, bytes: i32, repeated: bool) -> Option<Finding> {
        // One that is too narrow lacks a hash that was compared already.
        let id = u8::try_from(level)
            .ok()
            .zip(u64::try_from(index).ok())
            .filter(|_| level != 0)
            .and_then(|(level, index)| TileId::new(level, index));
        let expected = id.map(|tile| usize::from(tile.width_in(self.largest.max(self.leaves))));
        let found = usize::try_from(bytes).unwrap_or(0);
        let fits = expected.is_some_and(|expected| expected * HASH_BYTES >= found);
        if !repeated && fits && usize::try_from(width) == Ok(found / HASH_BYTES) {
            return None;
        }
        let first = number(index).saturating_mul(u64::from(TILE_WIDTH));
        Some(altered(
            u8::try_from(level).unwrap_or(u8::MAX),
            first,
            first.saturating_add(u64::from(TILE_WIDTH - 1)),
        ))
    }
}

/// Kind, level, size or last position or index, width, length in bytes.
type Row = (i16, i16, i64, i16, i32);

const TREE: i16 = 0;
const LEAVES: i16 = 1;

fn rows(read: &mut TenantRead) -> BoxStream<'_, Result<Row, sqlx::Error>> {
    let tenant = read.tenant();
    sqlx::query_as(
        "select 0::smallint as kind, 0::smallint as level, coalesce(size, -1) as at, 0::smallint as width, 0 as bytes
         from platform_audit.tree where tenant_id = $1
         union all
         select 1::smallint, 0::smallint, coalesce(max(seq), -1), 0::smallint, 0
         from platform_audit.leaf where tenant_id = $1
         union all
         select 2::smallint, coalesce(level, -1::smallint), coalesce(idx, -1), coalesce(width, -1::smallint), coalesce(octet_length(hashes), 0)
         from platform_audit.tile
         where tenant_id = $1 and (level <> 0 or idx < 0 or idx >= $2)
         order by kind, level, at",
    )
    .bind(tenant)
    .bind(TILES_END)
    .fetch(read)
}

fn number(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

const fn altered(level: u8, first: u64, last: u64) -> Finding {
    Finding::TilesAltered { level, first, last }
}
