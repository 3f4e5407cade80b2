//! Changes of the table of data subjects' keys.

use platform_core::Timestamp;
use platform_core::pg::TenantTx;

use super::SubjectId;
use super::wrap::SubjectPlace;
use crate::{KeyError, KeyId};

/// A key that is to be stored.
pub(super) struct NewSubject<'a> {
    pub(super) place: SubjectPlace,
    pub(super) wrapped_by: KeyId,
    pub(super) wrapped: &'a [u8],
    pub(super) created_at: Timestamp,
}

/// Stores a subject's key; `false` when the subject has one, the slot is taken, or the tenant's key is destroyed.
pub(super) async fn insert(tx: &mut TenantTx, new: &NewSubject<'_>) -> Result<bool, KeyError> {
    let place = new.place;
    // The lock on the tenant's key keeps it from being destroyed before this is seen.
    let inserted = sqlx::query(
        "with wrapping as (
           select key_id from platform_crypto.tenant_key
           where tenant_id = $1 and key_id = $6 and state <> 'destroyed' for key share
         )
         insert into platform_crypto.subject_key
           (tenant_id, subject_id, key_id, segment, slot, state, wrapped_by, wrapped, created_at)
         select $1, $2, $3, $4, $5, 'live', w.key_id, $7, $8 from wrapping w
         on conflict do nothing",
    )
    .bind(place.segment.tenant)
    .bind(place.subject)
    .bind(place.key.as_bytes().as_slice())
    .bind(i64::from(place.segment.number))
    .bind(i32::from(place.slot.number()))
    .bind(new.wrapped_by.as_bytes().as_slice())
    .bind(new.wrapped)
    .bind(new.created_at)
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Stores another wrapping of a subject's key, unless somebody has changed it since it was read.
pub(super) async fn replace_wrapping(
    tx: &mut TenantTx,
    place: SubjectPlace,
    old: KeyId,
    new: (KeyId, &[u8]),
) -> Result<bool, KeyError> {
    let updated = sqlx::query(
        "with wrapping as (
           select key_id from platform_crypto.tenant_key
           where tenant_id = $1 and key_id = $4 and state <> 'destroyed' for key share
         )
         update platform_crypto.subject_key k set wrapped_by = w.key_id, wrapped = $5 from wrapping w
         where k.tenant_id = $1 and k.subject_id = $2 and k.wrapped_by = $3 and k.state = 'live'",
    )
    .bind(place.segment.tenant)
    .bind(place.subject)
    .bind(old.as_bytes().as_slice())
    .bind(new.0.as_bytes().as_slice())
    .bind(new.1)
    .execute(tx)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// From here on nothing of the subject is opened. Needs the lock.
pub(super) async fn begin_erasure(
    tx: &mut TenantTx,
    subject: SubjectId,
    now: Timestamp,
) -> Result<(), KeyError> {
    let tenant = tx.tenant();
    sqlx::query(
        "update platform_crypto.subject_key set state = 'erasing', erase_requested_at = $3
         where tenant_id = $1 and subject_id = $2 and state = 'live'",
    )
    .bind(tenant)
    .bind(subject)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// Drops the wrapped key; the row stays. Needs the lock.
pub(super) async fn destroy(tx: &mut TenantTx, subject: SubjectId, now: Timestamp) -> Result<(), KeyError> {
    let tenant = tx.tenant();
    sqlx::query(
        "update platform_crypto.subject_key set state = 'destroyed', wrapped = null, wrapped_by = null, destroyed_at = $3
         where tenant_id = $1 and subject_id = $2 and state = 'erasing'",
    )
    .bind(tenant)
    .bind(subject)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}
