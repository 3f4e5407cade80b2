//! What the leaves of a tile hold.

use platform_core::pg::TenantRead;
use platform_core::uuid::Uuid;

use crate::export::visibility_of;
use crate::{AuditLog, LeafHash, ProveError, Reader, TILE_WIDTH, TileId, Visibility};

/// The entries of a tile of level 0, if they may be given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryTile {
    /// The entry bundle of C2SP `tlog-tiles`: each entry after its length in two bytes, the higher first.
    Bundle(Vec<u8>),
    /// One of the events is hidden from the reader, so that the tile as a whole is.
    Withheld,
    /// One of the events was deleted when its time was over, and with it the bytes.
    Pruned,
}

impl AuditLog {
    /// The entries of the tile of level 0 with this index, all 256 or the first `width`; `None` unless a signed checkpoint covers all
    /// of them.
    ///
    /// # Errors
    /// [`ProveError::Damaged`] when leaves are missing or an entry is not what its leaf says, [`ProveError::Db`] when they cannot be
    /// read.
    pub async fn entry_tile(
        &self,
        read: &mut TenantRead,
        reader: Reader,
        index: u64,
        width: u16,
    ) -> Result<Option<EntryTile>, ProveError> {
        let (Some(tile), Some(checkpoint)) = (TileId::new(0, index), self.checkpoint(read).await?) else {
            return Ok(None);
        };
        let size = checkpoint.head.size;
        if width == 0 || width > tile.width_in(size) {
            return Ok(None);
        }
        let first = index.saturating_mul(TILE_WIDTH.into());
        let leaves = leaves(read, first, width).await?;
        if leaves.len() != usize::from(width) {
            return Err(ProveError::Damaged { size });
        }
        let mut bundle = Vec::new();
        for (leaf, bytes) in leaves {
            let Some(bytes) = bytes else {
                return Ok(Some(EntryTile::Pruned));
            };
            let length = u16::try_from(bytes.len()).map_err(|_| ProveError::Damaged { size })?;
            if LeafHash::of(&bytes).as_bytes().as_slice() != leaf {
                return Err(ProveError::Damaged { size });
            }
            if !reader.sees(visibility_of(&bytes).unwrap_or(Visibility::Platform)) {
                return Ok(Some(EntryTile::Withheld));
            }
            bundle.extend(length.to_be_bytes());
            bundle.extend(bytes);
        }
        Ok(Some(EntryTile::Bundle(bundle)))
    }
}

type StoredLeaf = (Vec<u8>, Option<Vec<u8>>);

/// The leaves of consecutive positions with their entries, in order.
async fn leaves(read: &mut TenantRead, first: u64, width: u16) -> Result<Vec<StoredLeaf>, ProveError> {
    // A position that does not fit is one that no table has.
    let first = i64::try_from(first).unwrap_or(i64::MAX);
    let rows: Vec<(Uuid, Vec<u8>)> = sqlx::query_as(
        "select id, leaf from platform_audit.leaf where tenant_id = $1 and seq >= $2 and seq < $3 order by seq",
    )
    .bind(read.tenant())
    .bind(first)
    .bind(first.saturating_add(width.into()))
    .fetch_all(&mut *read)
    .await?;
    let ids: Vec<Uuid> = rows.iter().map(|(id, _)| *id).collect();
    let mut entries = crate::export::entries_of(read, &ids).await?;
    Ok(rows
        .into_iter()
        .map(|(id, leaf)| (leaf, entries.remove(&id)))
        .collect())
}
