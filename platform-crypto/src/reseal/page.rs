//! Reading and writing the rows of a table, through the statements that it was compiled with.

use std::collections::HashSet;

use platform_core::pg::{TenantRead, TenantTx};
use platform_core::uuid::Uuid;

use crate::keyring::KeyError;
use crate::row::{ColumnParts, TableParts};
use crate::{KeyId, SubjectId};

/// A row as it is first looked at.
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) subject: Option<SubjectId>,
    /// Its sealed values, in the order of the table's columns; null is `None`.
    pub(super) values: Vec<Option<Glance>>,
}

/// What is seen of a value without fetching it.
#[derive(Debug)]
pub(super) struct Glance {
    pub(super) header: Vec<u8>,
    /// Of the whole value, in bytes.
    pub(super) size: usize,
}

/// A value that takes the place of another.
pub(super) struct Move {
    pub(super) row: Uuid,
    pub(super) old: Vec<u8>,
    pub(super) new: Vec<u8>,
}

type StoredRow = (Uuid, Option<Uuid>, Vec<Option<Vec<u8>>>, Vec<Option<i32>>);

/// At most `limit` rows from `from` on, in the order of their ids.
pub(super) async fn read(
    tx: &mut TenantTx,
    table: &TableParts,
    from: Uuid,
    limit: u32,
) -> Result<Vec<Row>, KeyError> {
    let rows: Vec<StoredRow> = sqlx::query_as(table.page)
        .bind(tx.tenant())
        .bind(from)
        .bind(i64::from(limit))
        .fetch_all(tx)
        .await?;
    Ok(rows.into_iter().map(row).collect())
}

fn row((id, subject, headers, sizes): StoredRow) -> Row {
    let glance = |(header, size): (Option<Vec<u8>>, Option<i32>)| {
        header.map(|header| Glance {
            size: size.map_or(header.len(), |size| usize::try_from(size).unwrap_or(0)),
            header,
        })
    };
    Row {
        id,
        subject: subject.map(SubjectId::from_stored),
        values: headers.into_iter().zip(sizes).map(glance).collect(),
    }
}

/// The values of a column in these rows, whole.
pub(super) async fn fetch(
    tx: &mut TenantTx,
    column: &ColumnParts,
    rows: &[Uuid],
) -> Result<Vec<(Uuid, Vec<u8>)>, KeyError> {
    let values = sqlx::query_as(column.fetch)
        .bind(tx.tenant())
        .bind(rows)
        .fetch_all(tx)
        .await?;
    Ok(values)
}

/// The same, and nobody changes these rows until the transaction ends.
pub(super) async fn hold(
    tx: &mut TenantTx,
    column: &ColumnParts,
    rows: &[Uuid],
) -> Result<Vec<(Uuid, Vec<u8>)>, KeyError> {
    let values = sqlx::query_as(column.hold)
        .bind(tx.tenant())
        .bind(rows)
        .fetch_all(tx)
        .await?;
    Ok(values)
}

/// Those of these keys that are no data subject's.
pub(super) async fn of_nobody(tx: &mut TenantTx, keys: &HashSet<KeyId>) -> Result<HashSet<KeyId>, KeyError> {
    if keys.is_empty() {
        return Ok(HashSet::new());
    }
    let ids: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes().as_slice()).collect();
    let nobodys: Vec<Vec<u8>> = sqlx::query_scalar(
        "select one.key_id from unnest($2::bytea[]) as one (key_id) where not exists (
             select from platform_crypto.subject_key s where s.tenant_id = $1 and s.key_id = one.key_id)",
    )
    .bind(tx.tenant())
    .bind(ids)
    .fetch_all(tx)
    .await?;
    let nobodys = nobodys.iter().map(|key| KeyId::try_from(key.as_slice()));
    nobodys.collect::<Result<_, _>>().map_err(|_| KeyError::Corrupt)
}

/// Makes the moves whose old values still stand; how many did.
pub(super) async fn swap(tx: &mut TenantTx, column: &ColumnParts, moves: &[Move]) -> Result<u64, KeyError> {
    let rows: Vec<Uuid> = moves.iter().map(|one| one.row).collect();
    let old: Vec<&[u8]> = moves.iter().map(|one| one.old.as_slice()).collect();
    let new: Vec<&[u8]> = moves.iter().map(|one| one.new.as_slice()).collect();
    let swapped = sqlx::query(column.swap)
        .bind(tx.tenant())
        .bind(rows)
        .bind(old)
        .bind(new)
        .execute(tx)
        .await?;
    Ok(swapped.rows_affected())
}

/// How many rows there are from `from` on, counted no further than `limit`.
pub(super) async fn remaining(
    read: &mut TenantRead,
    table: &TableParts,
    from: Uuid,
    limit: i64,
) -> Result<u64, KeyError> {
    let rows: i64 = sqlx::query_scalar(table.remaining)
        .bind(read.tenant())
        .bind(from)
        .bind(limit)
        .fetch_one(read)
        .await?;
    Ok(u64::try_from(rows).unwrap_or(0))
}
