//! Tiles of the stored tree.

use platform_core::pg::{DbError, TenantRead};

use crate::{AuditLog, ProveError, TILE_WIDTH, Tile, TileId, Tiles};

impl AuditLog {
    /// A tile of the tenant's tree as it is published: full, or with exactly `width` hashes; `None` unless a signed checkpoint covers
    /// all of it.
    ///
    /// # Errors
    /// [`ProveError::Damaged`] when the stored tile has fewer hashes than the signed tree, [`ProveError::Db`] when it cannot be read.
    pub async fn tile(
        &self,
        read: &mut TenantRead,
        id: TileId,
        width: u16,
    ) -> Result<Option<Tile>, ProveError> {
        let Some(checkpoint) = self.checkpoint(read).await? else {
            return Ok(None);
        };
        let size = checkpoint.head.size;
        if width == 0 || width > id.width_in(size).min(TILE_WIDTH) {
            return Ok(None);
        }
        let tiles = read_tiles(read, &[id]).await?;
        let stored = tiles.get(id).ok_or(ProveError::Damaged { size })?;
        let hashes = stored.hashes().get(..usize::from(width));
        let bytes: Vec<u8> = hashes
            .ok_or(ProveError::Damaged { size })?
            .iter()
            .flat_map(|hash| *hash.as_bytes())
            .collect();
        let tile = Tile::from_bytes(&bytes).map_err(|_| ProveError::Damaged { size })?;
        Ok(Some(tile))
    }
}

/// Reads tiles in one query. One that is not stored, or that is stored as what cannot be a tile, is not among them.
pub(crate) async fn read_tiles(read: &mut TenantRead, ids: &[TileId]) -> Result<Tiles, DbError> {
    let levels: Vec<i16> = ids.iter().map(|id| i16::from(id.level())).collect();
    // An index that does not fit is of a tile that no table has.
    let indexes: Vec<i64> = ids
        .iter()
        .map(|id| i64::try_from(id.index()).unwrap_or(-1))
        .collect();
    let rows: Vec<(i16, i64, Vec<u8>)> = sqlx::query_as(
        "select t.level, t.idx, t.hashes
         from unnest($2::smallint[], $3::bigint[]) wanted (level, idx)
         join platform_audit.tile t on t.tenant_id = $1 and t.level = wanted.level and t.idx = wanted.idx",
    )
    .bind(read.tenant())
    .bind(levels)
    .bind(indexes)
    .fetch_all(&mut *read)
    .await?;
    let tiles = rows.into_iter().filter_map(|(level, index, hashes)| {
        let level = u8::try_from(level).ok()?;
        let id = TileId::new(level, u64::try_from(index).ok()?)?;
        Some((id, Tile::from_bytes(&hashes).ok()?))
    });
    Ok(tiles.collect())
}
