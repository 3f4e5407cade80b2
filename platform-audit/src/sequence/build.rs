//! From a row to a leaf.

use std::collections::HashMap;

use platform_core::TenantId;
use platform_core::pg::{DbError, RoleTx};
use sqlx::postgres::PgRow;
use sqlx::{FromRow as _, Row as _};

use super::rejection::Rejection;
use super::waiting::Waiting;
use crate::entry::event_columns;
use crate::key::SealKey;
use crate::{EventId, LeafHash, StoredRow};

/// What a row has come to.
pub(super) type Built = Result<Leaf, Rejection>;

/// An event that may have a place.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) bytes: Vec<u8>,
    pub(super) hash: LeafHash,
    /// It carries a seal, which is right.
    pub(super) is_sealed: bool,
}

/// The rows of these events, of those that are there, in any order.
pub(super) async fn fetch(tx: &mut RoleTx, events: &[Waiting]) -> Result<Vec<PgRow>, DbError> {
    // Planned each time: a plan made while a month was empty goes through the wrong index once it is full.
    // Targets are the one column whose length nothing limits but what an entry may have.
    let rows = sqlx::query(concat!(
        "select ",
        event_columns!(),
        " from unnest($1::uuid[], $2::uuid[]) as w (tenant_id, id)
          join platform_audit.event e on e.tenant_id = w.tenant_id and e.id = w.id
          where pg_column_size(e.targets) <= 65536"
    ))
    .bind(events.iter().map(|one| one.tenant).collect::<Vec<_>>())
    .bind(events.iter().map(|one| one.id).collect::<Vec<_>>())
    .persistent(false)
    .fetch_all(&mut *tx)
    .await?;
    Ok(rows)
}

/// Which of these events there are, whatever their rows hold.
pub(super) async fn present(
    tx: &mut RoleTx,
    events: &[(TenantId, EventId)],
) -> Result<Vec<(TenantId, EventId)>, DbError> {
    let present = sqlx::query_as(
        "select e.tenant_id, e.id
         from unnest($1::uuid[], $2::uuid[]) as w (tenant_id, id)
         join platform_audit.event e on e.tenant_id = w.tenant_id and e.id = w.id",
    )
    .bind(events.iter().map(|(tenant, _)| *tenant).collect::<Vec<_>>())
    .bind(events.iter().map(|(_, id)| *id).collect::<Vec<_>>())
    .persistent(false)
    .fetch_all(&mut *tx)
    .await?;
    Ok(present)
}

/// Makes the leaves of rows. Takes some 10 µs for each.
pub(super) fn build(rows: &[PgRow], seals: &SealKey) -> HashMap<(TenantId, EventId), Built> {
    let mut built = HashMap::with_capacity(rows.len());
    for row in rows {
        // These two are UUIDs whatever else is in the row.
        if let (Ok(tenant), Ok(id)) = (row.try_get("tenant_id"), row.try_get("id")) {
            built.insert((tenant, id), build_one(row, seals));
        }
    }
    built
}

fn build_one(row: &PgRow, seals: &SealKey) -> Built {
    let row = StoredRow::from_row(row).map_err(|_| Rejection::NotAnEntry)?;
    if !row.derived_columns_changed().is_empty() {
        return Err(Rejection::NotAnEntry);
    }
    let bytes = row.entry.to_bytes().map_err(|_| Rejection::NotAnEntry)?;
    let is_sealed = row.entry.seal.is_some();
    if is_sealed && !seals.verifies(&row.entry) {
        return Err(Rejection::SealWrong);
    }
    Ok(Leaf {
        hash: LeafHash::of(&bytes),
        bytes,
        is_sealed,
    })
}
