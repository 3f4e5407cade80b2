//! What the database says of the trees of some tenants.
//!
//! Statements that join with tables that grow from nothing are not kept prepared: the plan made for an empty month would be used for a
//! full one.

use std::collections::{HashMap, HashSet};

use platform_core::TenantId;
use platform_core::pg::{DbError, RoleTx};
use sqlx::error::BoxDynError;

use super::waiting::Waiting;
use crate::{EventId, LeafHash, NodeHash, Tile, TileId, Tiles, TreeHead};

/// A stored checkpoint: its columns and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredCheckpoint {
    pub(super) head: TreeHead,
    pub(super) note: String,
}

/// A numbered event with its bytes, as far as they are there.
#[derive(Debug, Clone)]
pub(super) struct StoredLeaf {
    pub(super) seq: u64,
    pub(super) id: EventId,
    pub(super) leaf: LeafHash,
    pub(super) bytes: Option<Vec<u8>>,
}

#[derive(sqlx::FromRow)]
struct LeafRow {
    tenant_id: TenantId,
    seq: i64,
    id: EventId,
    leaf: Vec<u8>,
    bytes: Option<Vec<u8>>,
}

impl LeafRow {
    fn into_leaf(self) -> Result<StoredLeaf, DbError> {
        Ok(StoredLeaf {
            seq: unsigned(self.seq)?,
            id: self.id,
            leaf: LeafHash::from_slice(&self.leaf).map_err(broken)?,
            bytes: self.bytes,
        })
    }
}

/// A tile as it is stored; `None` when its bytes are no tile.
pub(super) type StoredTiles = HashMap<TenantId, Option<Tiles>>;

/// The heads of trees. Nobody else changes them before the transaction has ended; tenants without a tree are left out.
pub(super) async fn lock_heads(
    tx: &mut RoleTx,
    tenants: &[TenantId],
) -> Result<HashMap<TenantId, TreeHead>, DbError> {
    let rows: Vec<(TenantId, i64, Vec<u8>)> = sqlx::query_as(
        "select tenant_id, size, root from platform_audit.tree where tenant_id = any ($1) order by tenant_id for update",
    )
    .bind(tenants)
    .fetch_all(&mut *tx)
    .await?;
    rows.into_iter()
        .map(|(tenant, size, root)| Ok((tenant, head(size, &root)?)))
        .collect()
}

/// Makes trees without a leaf for those of the tenants that have none, so that there is a row to lock.
pub(super) async fn plant(tx: &mut RoleTx, tenants: &[TenantId]) -> Result<(), DbError> {
    sqlx::query(
        "insert into platform_audit.tree (tenant_id, size, root)
         select t.tenant_id, 0, $2 from unnest($1::uuid[]) as t (tenant_id) order by t.tenant_id
         on conflict (tenant_id) do nothing",
    )
    .bind(tenants)
    .bind(*TreeHead::empty().root.as_bytes())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// The largest checkpoint of each tenant that has one.
pub(super) async fn newest_checkpoints(
    tx: &mut RoleTx,
    tenants: &[TenantId],
) -> Result<HashMap<TenantId, StoredCheckpoint>, DbError> {
    let rows: Vec<(TenantId, i64, Vec<u8>, String)> = sqlx::query_as(
        "select t.tenant_id, c.size, c.root, c.note
         from unnest($1::uuid[]) as t (tenant_id)
         cross join lateral (
           select c.size, c.root, c.note from platform_audit.checkpoint c
           where c.tenant_id = t.tenant_id
           order by c.size desc limit 1
         ) c",
    )
    .bind(tenants)
    .fetch_all(&mut *tx)
    .await?;
    rows.into_iter()
        .map(|(tenant, size, root, note)| {
            let head = head(size, &root)?;
            Ok((tenant, StoredCheckpoint { head, note }))
        })
        .collect()
}

/// The highest number that an event of each tenant has.
pub(super) async fn last_numbers(
    tx: &mut RoleTx,
    tenants: &[TenantId],
) -> Result<HashMap<TenantId, u64>, DbError> {
    let rows: Vec<(TenantId, i64)> = sqlx::query_as(
        "select t.tenant_id, l.seq
         from unnest($1::uuid[]) as t (tenant_id)
         cross join lateral (
           select l.seq from platform_audit.leaf l where l.tenant_id = t.tenant_id order by l.seq desc limit 1
         ) l",
    )
    .bind(tenants)
    .fetch_all(&mut *tx)
    .await?;
    rows.into_iter()
        .map(|(tenant, seq)| Ok((tenant, unsigned(seq)?)))
        .collect()
}

/// The numbered events at these places.
pub(super) async fn leaves_at(
    tx: &mut RoleTx,
    places: &[(TenantId, u64)],
) -> Result<HashMap<TenantId, StoredLeaf>, DbError> {
    let rows: Vec<LeafRow> = sqlx::query_as(
        "select l.tenant_id, l.seq, l.id, l.leaf, e.bytes
         from unnest($1::uuid[], $2::bigint[]) as w (tenant_id, seq)
         join platform_audit.leaf l on l.tenant_id = w.tenant_id and l.seq = w.seq
         left join platform_audit.entry e on e.tenant_id = l.tenant_id and e.id = l.id",
    )
    .bind(places.iter().map(|(tenant, _)| *tenant).collect::<Vec<_>>())
    .bind(places.iter().map(|(_, seq)| signed(*seq)).collect::<Vec<_>>())
    .persistent(false)
    .fetch_all(&mut *tx)
    .await?;
    rows.into_iter()
        .map(|row| Ok((row.tenant_id, row.into_leaf()?)))
        .collect()
}

/// Numbered events of a tenant in order, from a place on.
pub(super) async fn leaves_from(
    tx: &mut RoleTx,
    tenant: TenantId,
    from: u64,
    limit: usize,
) -> Result<Vec<StoredLeaf>, DbError> {
    let rows: Vec<LeafRow> = sqlx::query_as(
        "select l.tenant_id, l.seq, l.id, l.leaf, e.bytes
         from platform_audit.leaf l
         left join platform_audit.entry e on e.tenant_id = l.tenant_id and e.id = l.id
         where l.tenant_id = $1 and l.seq >= $2
         order by l.seq
         limit $3",
    )
    .bind(tenant)
    .bind(signed(from))
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .persistent(false)
    .fetch_all(&mut *tx)
    .await?;
    rows.into_iter().map(LeafRow::into_leaf).collect()
}

/// Those of the events that have a number.
pub(super) async fn numbered(
    tx: &mut RoleTx,
    events: &[Waiting],
) -> Result<HashSet<(TenantId, EventId)>, DbError> {
    let rows: Vec<(TenantId, EventId)> = sqlx::query_as(
        "select l.tenant_id, l.id
         from unnest($1::uuid[], $2::uuid[]) as w (tenant_id, id)
         join platform_audit.leaf l on l.tenant_id = w.tenant_id and l.id = w.id",
    )
    .bind(events.iter().map(|one| one.tenant).collect::<Vec<_>>())
    .bind(events.iter().map(|one| one.id).collect::<Vec<_>>())
    .persistent(false)
    .fetch_all(&mut *tx)
    .await?;
    Ok(rows.into_iter().collect())
}

/// These tiles, those that are there.
pub(super) async fn tiles(tx: &mut RoleTx, wanted: &[(TenantId, TileId)]) -> Result<StoredTiles, DbError> {
    let rows: Vec<(TenantId, i16, i64, Vec<u8>)> = sqlx::query_as(
        "select t.tenant_id, t.level, t.idx, t.hashes
         from unnest($1::uuid[], $2::smallint[], $3::bigint[]) as w (tenant_id, level, idx)
         join platform_audit.tile t on t.tenant_id = w.tenant_id and t.level = w.level and t.idx = w.idx",
    )
    .bind(wanted.iter().map(|(tenant, _)| *tenant).collect::<Vec<_>>())
    .bind(
        wanted
            .iter()
            .map(|(_, tile)| i16::from(tile.level()))
            .collect::<Vec<_>>(),
    )
    .bind(
        wanted
            .iter()
            .map(|(_, tile)| signed(tile.index()))
            .collect::<Vec<_>>(),
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut stored = StoredTiles::new();
    for (tenant, level, index, hashes) in rows {
        let tiles = stored.entry(tenant).or_insert_with(|| Some(Tiles::new()));
        let id = TileId::new(u8::try_from(level).map_err(broken)?, unsigned(index)?);
        match (id, Tile::from_bytes(&hashes), tiles.as_mut()) {
            (Some(id), Ok(tile), Some(tiles)) => tiles.insert(id, tile),
            _ => *tiles = None,
        }
    }
    Ok(stored)
}

/// A number for a bigint column. No tree grows to 2^63 leaves.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> Result<u64, DbError> {
    u64::try_from(number).map_err(broken)
}

pub(super) fn head(size: i64, root: &[u8]) -> Result<TreeHead, DbError> {
    Ok(TreeHead {
        size: unsigned(size)?,
        root: NodeHash::from_slice(root).map_err(broken)?,
    })
}

/// A value that the constraints of the tables do not let in.
fn broken(error: impl Into<BoxDynError>) -> DbError {
    sqlx::Error::Decode(error.into()).into()
}
