//! The table of data subjects' keys.

use platform_core::pg::TenantTx;
use platform_core::uuid::Uuid;
use platform_core::{TenantId, Timestamp};
use sqlx::{Executor, Postgres};

use super::wrap::SubjectPlace;
use super::{SegmentId, Slot, SubjectId};
use crate::{KeyError, KeyId};

/// Whether a data subject's fields can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SubjectState {
    /// They can.
    Live,
    /// They cannot any more; the erasure has begun and is not finished.
    Erasing,
    /// They never can again.
    Destroyed,
}

/// The key of one subject as it is stored.
#[derive(Debug, Clone)]
pub(super) struct SubjectRow {
    pub(super) place: SubjectPlace,
    pub(super) state: SubjectState,
    /// The wrapped key and the tenant's key that wraps it, until it is destroyed.
    pub(super) wrapped: Option<(KeyId, Vec<u8>)>,
    pub(super) created_at: Timestamp,
    pub(super) erase_requested_at: Option<Timestamp>,
    pub(super) destroyed_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct Stored {
    subject_id: SubjectId,
    key_id: Vec<u8>,
    segment: i64,
    slot: i32,
    state: String,
    wrapped_by: Option<Vec<u8>>,
    wrapped: Option<Vec<u8>>,
    created_at: Timestamp,
    erase_requested_at: Option<Timestamp>,
    destroyed_at: Option<Timestamp>,
}

impl SubjectState {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Erasing => "erasing",
            Self::Destroyed => "destroyed",
        }
    }
}

/// The key of a subject.
pub(super) async fn by_subject<'c>(
    executor: impl Executor<'c, Database = Postgres>,
    tenant: TenantId,
    subject: SubjectId,
) -> Result<Option<SubjectRow>, KeyError> {
    let stored = sqlx::query_as::<_, Stored>(
        "select subject_id, key_id, segment, slot, state, wrapped_by, wrapped, created_at, erase_requested_at, destroyed_at
         from platform_crypto.subject_key where tenant_id = $1 and subject_id = $2",
    )
    .bind(tenant)
    .bind(subject)
    .fetch_optional(executor)
    .await?;
    stored.map(|stored| read(tenant, stored)).transpose()
}

/// The same, and nobody erases the subject until the transaction ends.
pub(super) async fn share(tx: &mut TenantTx, subject: SubjectId) -> Result<Option<SubjectRow>, KeyError> {
    let tenant = tx.tenant();
    let stored = sqlx::query_as::<_, Stored>(
        "select subject_id, key_id, segment, slot, state, wrapped_by, wrapped, created_at, erase_requested_at, destroyed_at
         from platform_crypto.subject_key where tenant_id = $1 and subject_id = $2 for key share",
    )
    .bind(tenant)
    .bind(subject)
    .fetch_optional(tx)
    .await?;
    stored.map(|stored| read(tenant, stored)).transpose()
}

/// Whether a subject's fields can be read, if it has a key; nobody erases it until the transaction ends.
pub(crate) async fn share_state(
    tx: &mut TenantTx,
    subject: SubjectId,
) -> Result<Option<SubjectState>, KeyError> {
    Ok(share(tx, subject).await?.map(|row| row.state))
}

/// The same, once nobody else works on the subject.
pub(super) async fn lock(tx: &mut TenantTx, subject: SubjectId) -> Result<Option<SubjectRow>, KeyError> {
    let tenant = tx.tenant();
    let stored = sqlx::query_as::<_, Stored>(
        "select subject_id, key_id, segment, slot, state, wrapped_by, wrapped, created_at, erase_requested_at, destroyed_at
         from platform_crypto.subject_key where tenant_id = $1 and subject_id = $2 for update",
    )
    .bind(tenant)
    .bind(subject)
    .fetch_optional(tx)
    .await?;
    stored.map(|stored| read(tenant, stored)).transpose()
}

/// The subjects' keys with these ids, in one query.
pub(super) async fn by_keys<'c>(
    executor: impl Executor<'c, Database = Postgres>,
    tenant: TenantId,
    keys: &[KeyId],
) -> Result<Vec<SubjectRow>, KeyError> {
    let keys: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes().as_slice()).collect();
    let stored = sqlx::query_as::<_, Stored>(
        "select subject_id, key_id, segment, slot, state, wrapped_by, wrapped, created_at, erase_requested_at, destroyed_at
         from platform_crypto.subject_key where tenant_id = $1 and key_id = any($2)",
    )
    .bind(tenant)
    .bind(keys)
    .fetch_all(executor)
    .await?;
    stored.into_iter().map(|stored| read(tenant, stored)).collect()
}

/// Erasures that have begun and are not finished, the oldest first.
pub(super) async fn erasing<'c>(
    executor: impl Executor<'c, Database = Postgres>,
    tenant: TenantId,
    limit: u32,
) -> Result<Vec<SubjectRow>, KeyError> {
    let stored = sqlx::query_as::<_, Stored>(
        "select subject_id, key_id, segment, slot, state, wrapped_by, wrapped, created_at, erase_requested_at, destroyed_at
         from platform_crypto.subject_key where tenant_id = $1 and state = 'erasing' order by erase_requested_at limit $2",
    )
    .bind(tenant)
    .bind(i64::from(limit))
    .fetch_all(executor)
    .await?;
    stored.into_iter().map(|stored| read(tenant, stored)).collect()
}

/// Live subjects but these whose keys are wrapped under any of these keys of the tenant.
pub(super) async fn wrapped_by<'c>(
    executor: impl Executor<'c, Database = Postgres>,
    tenant: TenantId,
    keys: &[KeyId],
    but: &[SubjectId],
    limit: u32,
) -> Result<Vec<SubjectRow>, KeyError> {
    let but: Vec<Uuid> = but.iter().map(|subject| subject.as_uuid()).collect();
    let keys: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes().as_slice()).collect();
    let stored = sqlx::query_as::<_, Stored>(
        "select subject_id, key_id, segment, slot, state, wrapped_by, wrapped, created_at, erase_requested_at, destroyed_at
         from platform_crypto.subject_key where tenant_id = $1 and state = 'live' and wrapped_by = any($2)
           and subject_id <> all($4) limit $3",
    )
    .bind(tenant)
    .bind(keys)
    .bind(i64::from(limit))
    .bind(but)
    .fetch_all(executor)
    .await?;
    stored.into_iter().map(|stored| read(tenant, stored)).collect()
}

/// Every subject of a segment.
pub(super) async fn by_segment<'c>(
    executor: impl Executor<'c, Database = Postgres>,
    segment: SegmentId,
) -> Result<Vec<SubjectRow>, KeyError> {
    let stored = sqlx::query_as::<_, Stored>(
        "select subject_id, key_id, segment, slot, state, wrapped_by, wrapped, created_at, erase_requested_at, destroyed_at
         from platform_crypto.subject_key where tenant_id = $1 and segment = $2",
    )
    .bind(segment.tenant)
    .bind(i64::from(segment.number))
    .fetch_all(executor)
    .await?;
    stored
        .into_iter()
        .map(|stored| read(segment.tenant, stored))
        .collect()
}

/// The tenant's newest segment in which there is a subject.
pub(super) async fn newest_segment<'c>(
    executor: impl Executor<'c, Database = Postgres>,
    tenant: TenantId,
) -> Result<Option<u32>, KeyError> {
    let newest: Option<i64> =
        sqlx::query_scalar("select max(segment) from platform_crypto.subject_key where tenant_id = $1")
            .bind(tenant)
            .fetch_one(executor)
            .await?;
    newest.map(number).transpose()
}

/// The first of these slots that nobody has.
pub(super) async fn free_slot<'c>(
    executor: impl Executor<'c, Database = Postgres>,
    segment: SegmentId,
    candidates: &[Slot],
) -> Result<Option<Slot>, KeyError> {
    let candidates: Vec<i32> = candidates.iter().map(|slot| i32::from(slot.number())).collect();
    let free: Option<i32> = sqlx::query_scalar(
        "select c.slot from unnest($3::int[]) with ordinality as c (slot, place)
         where not exists (
           select from platform_crypto.subject_key k where k.tenant_id = $1 and k.segment = $2 and k.slot = c.slot)
         order by c.place limit 1",
    )
    .bind(segment.tenant)
    .bind(i64::from(segment.number))
    .bind(candidates)
    .fetch_optional(executor)
    .await?;
    free.map(slot).transpose()
}

/// How many live subjects' keys are wrapped under a key of the tenant.
pub(crate) async fn count_wrapped_by(tx: &mut TenantTx, key: KeyId) -> Result<u64, KeyError> {
    let tenant = tx.tenant();
    let count: i64 = sqlx::query_scalar(
        "select count(*) from platform_crypto.subject_key where tenant_id = $1 and state = 'live' and wrapped_by = $2",
    )
    .bind(tenant)
    .bind(key.as_bytes().as_slice())
    .fetch_one(tx)
    .await?;
    u64::try_from(count).map_err(|_| KeyError::Corrupt)
}

/// How many live subjects' keys are wrapped under another key of the tenant.
pub(super) async fn count_not_wrapped_by<'c>(
    executor: impl Executor<'c, Database = Postgres>,
    tenant: TenantId,
    key: KeyId,
) -> Result<u64, KeyError> {
    let count: i64 = sqlx::query_scalar(
        "select count(*) from platform_crypto.subject_key where tenant_id = $1 and state = 'live' and wrapped_by <> $2",
    )
    .bind(tenant)
    .bind(key.as_bytes().as_slice())
    .fetch_one(executor)
    .await?;
    u64::try_from(count).map_err(|_| KeyError::Corrupt)
}

fn read(tenant: TenantId, stored: Stored) -> Result<SubjectRow, KeyError> {
    let key = |bytes: &[u8]| KeyId::try_from(bytes).map_err(|_| KeyError::Corrupt);
    let state = match stored.state.as_str() {
        "live" => SubjectState::Live,
        "erasing" => SubjectState::Erasing,
        "destroyed" => SubjectState::Destroyed,
        _ => return Err(KeyError::Corrupt),
    };
    let wrapped_by = stored.wrapped_by.as_deref().map(key).transpose()?;
    Ok(SubjectRow {
        place: SubjectPlace {
            subject: stored.subject_id,
            key: key(&stored.key_id)?,
            segment: SegmentId {
                tenant,
                number: number(stored.segment)?,
            },
            slot: slot(stored.slot)?,
        },
        state,
        wrapped: wrapped_by.zip(stored.wrapped),
        created_at: stored.created_at,
        erase_requested_at: stored.erase_requested_at,
        destroyed_at: stored.destroyed_at,
    })
}

fn number(stored: i64) -> Result<u32, KeyError> {
    u32::try_from(stored).map_err(|_| KeyError::Corrupt)
}

fn slot(stored: i32) -> Result<Slot, KeyError> {
    u16::try_from(stored)
        .ok()
        .and_then(Slot::new)
        .ok_or(KeyError::Corrupt)
}
