//! What a round writes.

use platform_core::TenantId;
use platform_core::pg::{DbError, RoleTx};

use super::rejection::Rejection;
use super::stored::signed;
use super::waiting::Waiting;
use crate::{EventId, LeafHash, Tile, TileId, TreeHead};

/// Events with their numbers and bytes, column by column.
#[derive(Debug, Default)]
pub(super) struct Numbered {
    tenants: Vec<TenantId>,
    seqs: Vec<i64>,
    ids: Vec<EventId>,
    leaves: Vec<[u8; 32]>,
    bytes: Vec<Vec<u8>>,
}

impl Numbered {
    pub(super) fn push(&mut self, event: &Waiting, seq: u64, leaf: LeafHash, bytes: Vec<u8>) {
        self.tenants.push(event.tenant);
        self.seqs.push(signed(seq));
        self.ids.push(event.id);
        self.leaves.push(*leaf.as_bytes());
        self.bytes.push(bytes);
    }

    pub(super) async fn store(&self, tx: &mut RoleTx) -> Result<(), DbError> {
        if self.ids.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "insert into platform_audit.leaf (tenant_id, seq, id, leaf)
             select * from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::bytea[])",
        )
        .bind(&self.tenants)
        .bind(&self.seqs)
        .bind(&self.ids)
        .bind(&self.leaves)
        .execute(&mut *tx)
        .await?;
        // Bytes that are there already were put there by somebody else: the leaf does not fit to them, which verifying finds.
        sqlx::query(
            "insert into platform_audit.entry (tenant_id, id, bytes)
             select * from unnest($1::uuid[], $2::uuid[], $3::bytea[])
             on conflict (tenant_id, id) do nothing",
        )
        .bind(&self.tenants)
        .bind(&self.ids)
        .bind(&self.bytes)
        .execute(&mut *tx)
        .await?;
        Ok(())
    }
}

pub(super) async fn reject(
    tx: &mut RoleTx,
    rejected: &[(TenantId, EventId, Rejection)],
) -> Result<(), DbError> {
    if rejected.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into platform_audit.rejected (tenant_id, id, reason)
         select * from unnest($1::uuid[], $2::uuid[], $3::text[])
         on conflict (tenant_id, id, reason) do nothing",
    )
    .bind(rejected.iter().map(|(tenant, _, _)| *tenant).collect::<Vec<_>>())
    .bind(rejected.iter().map(|(_, id, _)| *id).collect::<Vec<_>>())
    .bind(
        rejected
            .iter()
            .map(|(_, _, reason)| reason.as_str())
            .collect::<Vec<_>>(),
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Takes events from the work list.
pub(super) async fn take_off(tx: &mut RoleTx, events: &[Waiting]) -> Result<(), DbError> {
    sqlx::query(
        "delete from platform_audit.pending p
         using unnest($1::uuid[], $2::bigint[], $3::uuid[]) as done (tenant_id, xid, id)
         where p.tenant_id = done.tenant_id and p.xid = done.xid::text::xid8 and p.id = done.id",
    )
    .bind(events.iter().map(|one| one.tenant).collect::<Vec<_>>())
    .bind(events.iter().map(|one| one.xid).collect::<Vec<_>>())
    .bind(events.iter().map(|one| one.id).collect::<Vec<_>>())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

pub(super) async fn tiles(tx: &mut RoleTx, tiles: &[(TenantId, TileId, Tile)]) -> Result<(), DbError> {
    sqlx::query(
        "insert into platform_audit.tile (tenant_id, level, idx, width, hashes)
         select * from unnest($1::uuid[], $2::smallint[], $3::bigint[], $4::smallint[], $5::bytea[])
         on conflict (tenant_id, level, idx) do update set width = excluded.width, hashes = excluded.hashes",
    )
    .bind(tiles.iter().map(|(tenant, _, _)| *tenant).collect::<Vec<_>>())
    .bind(
        tiles
            .iter()
            .map(|(_, id, _)| i16::from(id.level()))
            .collect::<Vec<_>>(),
    )
    .bind(
        tiles
            .iter()
            .map(|(_, id, _)| signed(id.index()))
            .collect::<Vec<_>>(),
    )
    .bind(
        tiles
            .iter()
            .map(|(_, _, tile)| i16::try_from(tile.width()).unwrap_or(i16::MAX))
            .collect::<Vec<_>>(),
    )
    .bind(
        tiles
            .iter()
            .map(|(_, _, tile)| tile.to_bytes())
            .collect::<Vec<_>>(),
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// A tree that has grown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grown {
    pub(super) tenant: TenantId,
    /// Its row as it was.
    pub(super) before: TreeHead,
    pub(super) after: TreeHead,
}

/// Sets the heads of trees; whether each still had the head from which it has grown.
pub(super) async fn heads(tx: &mut RoleTx, grown: &[Grown]) -> Result<bool, DbError> {
    let changed = sqlx::query(
        "update platform_audit.tree t set size = grown.size, root = grown.root
         from unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bytea[])
           as grown (tenant_id, size, root, size_before, root_before)
         where t.tenant_id = grown.tenant_id and t.size = grown.size_before and t.root = grown.root_before",
    )
    .bind(grown.iter().map(|one| one.tenant).collect::<Vec<_>>())
    .bind(grown.iter().map(|one| signed(one.after.size)).collect::<Vec<_>>())
    .bind(
        grown
            .iter()
            .map(|one| *one.after.root.as_bytes())
            .collect::<Vec<_>>(),
    )
    .bind(
        grown
            .iter()
            .map(|one| signed(one.before.size))
            .collect::<Vec<_>>(),
    )
    .bind(
        grown
            .iter()
            .map(|one| *one.before.root.as_bytes())
            .collect::<Vec<_>>(),
    )
    .execute(&mut *tx)
    .await?;
    Ok(changed.rows_affected() == u64::try_from(grown.len()).unwrap_or(u64::MAX))
}
