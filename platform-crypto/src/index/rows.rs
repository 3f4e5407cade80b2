//! The table of tags.

use std::collections::HashMap;

use platform_core::TenantId;
use platform_core::pg::TenantTx;
use platform_core::uuid::Uuid;
use sqlx::{Executor, Postgres};

use super::{BlindIndex, Tag};
use crate::{KeyError, KeyId, RowId, SubjectId};

/// The tags of one value, by the version of the index key.
#[derive(Debug, Clone, Default)]
pub(super) struct Tags {
    pub(super) versions: Vec<i64>,
    pub(super) tags: Vec<Vec<u8>>,
}

/// Rows with a tag, and whether the caller's keys were all that there are.
pub(super) struct Found {
    pub(super) rows: Vec<RowId>,
    /// A key is in use that the caller has not heard of, so that rows may be missing.
    pub(super) unknown_key: bool,
}

impl Tags {
    pub(super) fn push(&mut self, version: u32, tag: &Tag) {
        self.versions.push(version.into());
        self.tags.push(tag.as_bytes().to_vec());
    }
}

/// The versions of the index key that are not destroyed, oldest first. Until the transaction ends none of them is.
pub(super) async fn live_keys(tx: &mut TenantTx) -> Result<Vec<(u32, KeyId)>, KeyError> {
    let tenant = tx.tenant();
    let live: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "select version, key_id from platform_crypto.tenant_key
         where tenant_id = $1 and purpose = 'index' and state <> 'destroyed' order by version for key share",
    )
    .bind(tenant)
    .fetch_all(tx)
    .await?;
    let key = |(version, id): (i64, Vec<u8>)| {
        let version = u32::try_from(version).map_err(|_| KeyError::Corrupt)?;
        let id = KeyId::try_from(id.as_slice()).map_err(|_| KeyError::Corrupt)?;
        Ok((version, id))
    };
    live.into_iter().map(key).collect()
}

/// Deletes the tags of a row that are not among these; whose row it is, as far as they told.
pub(super) async fn delete_others(
    tx: &mut TenantTx,
    index: &BlindIndex,
    row: RowId,
    keep: &Tags,
) -> Result<(), KeyError> {
    let tenant = tx.tenant();
    sqlx::query(
        "delete from platform_crypto.blind_tag t
         where t.tenant_id = $1 and t.index_name = $2 and t.row_id = $3
           and not exists (select from unnest($4::bigint[], $5::bytea[]) as k (version, tag)
                           where k.version = t.version and k.tag = t.tag)",
    )
    .bind(tenant)
    .bind(index.name())
    .bind(row.as_uuid())
    .bind(&keep.versions)
    .bind(&keep.tags)
    .execute(tx)
    .await?;
    Ok(())
}

/// The subject that a row's tags are of.
pub(super) async fn subject_of(
    tx: &mut TenantTx,
    index: &BlindIndex,
    row: RowId,
) -> Result<Option<SubjectId>, KeyError> {
    let tenant = tx.tenant();
    let subject = sqlx::query_scalar(
        "select subject_id from platform_crypto.blind_tag
         where tenant_id = $1 and index_name = $2 and row_id = $3 and subject_id is not null limit 1",
    )
    .bind(tenant)
    .bind(index.name())
    .bind(row.as_uuid())
    .fetch_optional(tx)
    .await?;
    Ok(subject)
}

/// Stores tags of a row that are not there yet. Waits for others who store the same tags of a unique index, always in the order of
/// versions, so that no two wait for each other.
pub(super) async fn insert(
    tx: &mut TenantTx,
    index: &BlindIndex,
    (row, subject): (RowId, Option<SubjectId>),
    tags: &Tags,
) -> Result<(), KeyError> {
    let tenant = tx.tenant();
    sqlx::query(
        "insert into platform_crypto.blind_tag (tenant_id, index_name, version, row_id, tag, one_row, subject_id)
         select $1, $2, t.version, $3, t.tag, $6, $7
         from unnest($4::bigint[], $5::bytea[]) with ordinality as t (version, tag, place) order by t.place
         on conflict do nothing",
    )
    .bind(tenant)
    .bind(index.name())
    .bind(row.as_uuid())
    .bind(&tags.versions)
    .bind(&tags.tags)
    .bind(index.is_unique())
    .bind(subject)
    .execute(tx)
    .await?;
    Ok(())
}

/// Whether the row has a tag that is not among these.
pub(super) async fn has_others(
    tx: &mut TenantTx,
    index: &BlindIndex,
    row: RowId,
    tags: &Tags,
) -> Result<bool, KeyError> {
    let tenant = tx.tenant();
    let has_others = sqlx::query_scalar(
        "select exists (
           select from platform_crypto.blind_tag t
           where t.tenant_id = $1 and t.index_name = $2 and t.row_id = $3
             and not exists (select from unnest($4::bigint[], $5::bytea[]) as k (version, tag)
                             where k.version = t.version and k.tag = t.tag))",
    )
    .bind(tenant)
    .bind(index.name())
    .bind(row.as_uuid())
    .bind(&tags.versions)
    .bind(&tags.tags)
    .fetch_one(tx)
    .await?;
    Ok(has_others)
}

/// How many of these tags the row has.
pub(super) async fn count_of_row(
    tx: &mut TenantTx,
    index: &BlindIndex,
    row: RowId,
    tags: &Tags,
) -> Result<usize, KeyError> {
    let tenant = tx.tenant();
    let count: i64 = sqlx::query_scalar(
        "select count(*) from platform_crypto.blind_tag t
         join unnest($4::bigint[], $5::bytea[]) as k (version, tag) on k.version = t.version and k.tag = t.tag
         where t.tenant_id = $1 and t.index_name = $2 and t.row_id = $3",
    )
    .bind(tenant)
    .bind(index.name())
    .bind(row.as_uuid())
    .bind(&tags.versions)
    .bind(&tags.tags)
    .fetch_one(tx)
    .await?;
    usize::try_from(count).map_err(|_| KeyError::Corrupt)
}

/// The rows with any of these tags. One statement, so that keys and tags are of one moment.
pub(super) async fn find<'c>(
    executor: impl Executor<'c, Database = Postgres>,
    tenant: TenantId,
    index: &BlindIndex,
    (known, tags): (&[i64], &Tags),
) -> Result<Found, KeyError> {
    let found: Vec<Option<Uuid>> = sqlx::query_scalar(
        "select distinct t.row_id from platform_crypto.blind_tag t
         join unnest($4::bigint[], $5::bytea[]) as k (version, tag) on k.version = t.version and k.tag = t.tag
         where t.tenant_id = $1 and t.index_name = $2
         union all
         select null::uuid where exists (
           select from platform_crypto.tenant_key
           where tenant_id = $1 and purpose = 'index' and state <> 'destroyed' and version <> all($3))",
    )
    .bind(tenant)
    .bind(index.name())
    .bind(known)
    .bind(&tags.versions)
    .bind(&tags.tags)
    .fetch_all(executor)
    .await?;
    let unknown_key = found.iter().any(Option::is_none);
    let rows = found.into_iter().flatten().map(RowId::from).collect();
    Ok(Found { rows, unknown_key })
}

/// Deletes all tags of a row.
pub(super) async fn delete_of_row(tx: &mut TenantTx, index: &BlindIndex, row: RowId) -> Result<(), KeyError> {
    let tenant = tx.tenant();
    sqlx::query(
        "delete from platform_crypto.blind_tag where tenant_id = $1 and index_name = $2 and row_id = $3",
    )
    .bind(tenant)
    .bind(index.name())
    .bind(row.as_uuid())
    .execute(tx)
    .await?;
    Ok(())
}

/// Deletes all tags of a data subject; how many.
pub(crate) async fn delete_of_subject(tx: &mut TenantTx, subject: SubjectId) -> Result<u64, KeyError> {
    let tenant = tx.tenant();
    let deleted =
        sqlx::query("delete from platform_crypto.blind_tag where tenant_id = $1 and subject_id = $2")
            .bind(tenant)
            .bind(subject)
            .execute(tx)
            .await?;
    Ok(deleted.rows_affected())
}

/// Rows of an index that have no tag under the newest version of the key, after a row and in the order of rows, and whose they are.
pub(crate) async fn behind<'c>(
    executor: impl Executor<'c, Database = Postgres>,
    tenant: TenantId,
    index: &BlindIndex,
    (after, limit): (Option<RowId>, u32),
) -> Result<Vec<(RowId, Option<SubjectId>)>, KeyError> {
    let rows: Vec<(Uuid, Option<SubjectId>)> = sqlx::query_as(
        "with newest as (
           select max(version) as version from platform_crypto.tenant_key
           where tenant_id = $1 and purpose = 'index' and state <> 'destroyed'
         )
         select distinct on (t.row_id) t.row_id, t.subject_id from platform_crypto.blind_tag t, newest n
         where t.tenant_id = $1 and t.index_name = $2 and t.version < n.version
           and ($4::uuid is null or t.row_id > $4)
           and not exists (
             select from platform_crypto.blind_tag u
             where u.tenant_id = $1 and u.index_name = $2 and u.row_id = t.row_id and u.version = n.version)
         order by t.row_id, t.subject_id nulls last limit $3",
    )
    .bind(tenant)
    .bind(index.name())
    .bind(i64::from(limit))
    .bind(after.map(RowId::as_uuid))
    .fetch_all(executor)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(row, subject)| (row.into(), subject))
        .collect())
}

/// Those of these rows that have a tag, and whose they are.
pub(crate) async fn still_tagged(
    tx: &mut TenantTx,
    index: &BlindIndex,
    rows: &[Uuid],
) -> Result<HashMap<Uuid, Option<SubjectId>>, KeyError> {
    let tenant = tx.tenant();
    let tagged: Vec<(Uuid, Option<SubjectId>)> = sqlx::query_as(
        "select distinct on (row_id) row_id, subject_id from platform_crypto.blind_tag
         where tenant_id = $1 and index_name = $2 and row_id = any($3) order by row_id, subject_id nulls last",
    )
    .bind(tenant)
    .bind(index.name())
    .bind(rows)
    .fetch_all(tx)
    .await?;
    Ok(tagged.into_iter().collect())
}

/// How many rows, of any index, have a tag under a version and none under the newest one.
pub(crate) async fn count_behind(tx: &mut TenantTx, version: u32) -> Result<u64, KeyError> {
    let tenant = tx.tenant();
    let behind: i64 = sqlx::query_scalar(
        "with newest as (
           select max(version) as version from platform_crypto.tenant_key
           where tenant_id = $1 and purpose = 'index' and state <> 'destroyed'
         )
         select count(*) from platform_crypto.blind_tag t, newest n
         where t.tenant_id = $1 and t.version = $2 and t.version < n.version
           and not exists (
             select from platform_crypto.blind_tag u
             where u.tenant_id = $1 and u.index_name = t.index_name and u.row_id = t.row_id and u.version = n.version)",
    )
    .bind(tenant)
    .bind(i64::from(version))
    .fetch_one(tx)
    .await?;
    u64::try_from(behind).map_err(|_| KeyError::Corrupt)
}

/// Deletes the tags of a version that nobody writes or needs any more.
pub(crate) async fn delete_version(tx: &mut TenantTx, version: u32) -> Result<(), KeyError> {
    let tenant = tx.tenant();
    sqlx::query("delete from platform_crypto.blind_tag where tenant_id = $1 and version = $2")
        .bind(tenant)
        .bind(i64::from(version))
        .execute(tx)
        .await?;
    Ok(())
}
