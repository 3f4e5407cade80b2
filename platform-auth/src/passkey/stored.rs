//! Passkeys, as they are stored. Each function is one statement, and each change a conditional one.

use platform_core::pg::{DbError, TenantRead, TenantTx};
use platform_core::uuid::Uuid;
use platform_core::{PrincipalId, TenantId, Timestamp};
use platform_crypto::{Sealed, SealedRow};
use sqlx::types::Json;
use time::Date;
use webauthn_rs::prelude::Credential;

use super::ceremony::ChallengeId;
use super::{PASSKEYS_MAX, PasskeyId};

/// What a user calls a passkey, sealed under the key of the person, and gone once the user is erased. Name it with
/// [`KeyringBuilder::sealed`](platform_crypto::KeyringBuilder::sealed), so that rotations reach it.
#[derive(Debug, sqlx::FromRow, SealedRow)]
#[sealed(table = "platform_auth.webauthn_credential")]
pub struct SealedPasskey {
    #[sealed(tenant)]
    pub(super) tenant_id: TenantId,
    #[sealed(row)]
    pub(super) id: PasskeyId,
    #[sealed(subject)]
    pub(super) subject_id: PrincipalId,
    #[sealed(padded = 64)]
    pub(super) name_sealed: Sealed<String>,
}

/// A passkey of a list.
#[derive(sqlx::FromRow)]
pub(super) struct Listed {
    #[sqlx(flatten)]
    pub(super) sealed: SealedPasskey,
    pub(super) created_at: Timestamp,
    pub(super) last_used_on: Option<Date>,
    pub(super) backup_eligible: bool,
    pub(super) is_disabled: bool,
}

/// A passkey that somebody shows.
#[derive(sqlx::FromRow)]
pub(super) struct Shown {
    pub(super) id: PasskeyId,
    pub(super) subject_id: PrincipalId,
    pub(super) user_handle: Uuid,
    pub(super) credential: Json<Credential>,
}

/// A passkey that is to be stored.
pub(super) struct New<'a> {
    pub(super) sealed: &'a SealedPasskey,
    pub(super) handle: Uuid,
    pub(super) credential: &'a Credential,
    pub(super) created_at: Timestamp,
}

/// What a passkey showed of its authenticator when it was used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Used {
    pub(super) id: PasskeyId,
    pub(super) user: PrincipalId,
    pub(super) sign_count: u32,
    pub(super) backup_state: bool,
}

/// Stores a passkey of a user who has fewer than 20, under an id that no other of the tenant has; says whether it did. The user has to
/// be locked, or two at a time would both find a place.
pub(super) async fn insert(tx: &mut TenantTx, new: &New<'_>) -> Result<bool, DbError> {
    let credential = new.credential;
    let stored = sqlx::query(
        "insert into platform_auth.webauthn_credential
           (tenant_id, id, subject_id, credential_id, user_handle, credential, name_sealed, sign_count, backup_eligible, backup_state,
            created_at)
         select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
         where (select count(*) from platform_auth.webauthn_credential where tenant_id = $1 and subject_id = $3) < $12
         on conflict (tenant_id, credential_id) do nothing",
    )
    .bind(tx.tenant())
    .bind(new.sealed.id)
    .bind(new.sealed.subject_id)
    .bind(credential.cred_id.as_slice())
    .bind(new.handle)
    .bind(Json(credential))
    .bind(&new.sealed.name_sealed)
    .bind(i64::from(credential.counter))
    .bind(credential.backup_eligible)
    .bind(credential.backup_state)
    .bind(new.created_at)
    .bind(PASSKEYS_MAX)
    .execute(&mut *tx)
    .await?;
    Ok(stored.rows_affected() == 1)
}

/// A user's passkeys in the order in which they were registered.
pub(super) async fn list(
    read: &mut TenantRead,
    user: PrincipalId,
    after: Option<PasskeyId>,
    limit: u32,
) -> Result<Vec<Listed>, DbError> {
    let listed = sqlx::query_as(
        "select tenant_id, id, subject_id, name_sealed, created_at, last_used_on, backup_eligible, disabled_at is not null as is_disabled
         from platform_auth.webauthn_credential
         where tenant_id = $1 and subject_id = $2 and ($3::uuid is null or id > $3)
         order by id
         limit $4",
    )
    .bind(read.tenant())
    .bind(user)
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(&mut *read)
    .await?;
    Ok(listed)
}

/// Under which ids authenticators know a user's passkeys, and the user: those that are disabled too, whose authenticators need not make
/// another.
pub(super) async fn known(
    read: &mut TenantRead,
    user: PrincipalId,
) -> Result<Vec<(Vec<u8>, Uuid, bool)>, DbError> {
    let known = sqlx::query_as(
        "select credential_id, user_handle, disabled_at is null
         from platform_auth.webauthn_credential where tenant_id = $1 and subject_id = $2 order by id",
    )
    .bind(read.tenant())
    .bind(user)
    .fetch_all(&mut *read)
    .await?;
    Ok(known)
}

/// The passkey that an authenticator knows under this id, unless it is disabled.
pub(super) async fn shown(read: &mut TenantRead, credential_id: &[u8]) -> Result<Option<Shown>, DbError> {
    let shown = sqlx::query_as(
        "select id, subject_id, user_handle, credential
         from platform_auth.webauthn_credential
         where tenant_id = $1 and credential_id = $2 and disabled_at is null",
    )
    .bind(read.tenant())
    .bind(credential_id)
    .fetch_optional(&mut *read)
    .await?;
    Ok(shown)
}

/// Notes that a passkey was used, if its counter has moved on since the last time, or if it has none (WebAuthn, level 3, section
/// 6.1.1); says whether it did. Of any number of answers with one counter one is noted, and what is stored never goes back.
pub(super) async fn using(tx: &mut TenantTx, used: Used, now: Timestamp) -> Result<bool, DbError> {
    let noted = sqlx::query(
        "update platform_auth.webauthn_credential
         set sign_count = $4, backup_state = $5, last_used_on = $6, counted_at = case when $4 > 0 then $7 end
         where tenant_id = $1 and id = $2 and subject_id = $3 and disabled_at is null
           and (sign_count < $4 or (sign_count = 0 and $4 = 0))",
    )
    .bind(tx.tenant())
    .bind(used.id)
    .bind(used.user)
    .bind(i64::from(used.sign_count))
    .bind(used.backup_state)
    .bind(now.date())
    .bind(now)
    .execute(&mut *tx)
    .await?;
    Ok(noted.rows_affected() == 1)
}

/// What a counter means that has not moved on (WebAuthn, level 3, section 6.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// The passkey is not there any more, is disabled, or would be good now.
    Gone,
    /// A later answer of the authenticator may have been faster.
    Overtaken,
    /// There may be two of the authenticator.
    Twice,
}

/// Judges a counter that has not moved on, of an answer to a challenge that was given out then. The user has to be locked.
///
/// Whatever shows a smaller counter was overtaken if the newest one was shown while the challenge was already out: two sign-ins at a time
/// arrive in any order. The same counter is never shown twice by one authenticator, and one that counts does not fall to nothing.
pub(super) async fn judge_count(
    tx: &mut TenantTx,
    used: Used,
    begun_at: Timestamp,
) -> Result<Counted, DbError> {
    let is_overtaken: Option<bool> = sqlx::query_scalar(
        "select $4 > 0 and $4 < sign_count and coalesce(counted_at > $5, false)
         from platform_auth.webauthn_credential
         where tenant_id = $1 and id = $2 and subject_id = $3 and disabled_at is null and sign_count > 0 and sign_count >= $4
         for update",
    )
    .bind(tx.tenant())
    .bind(used.id)
    .bind(used.user)
    .bind(i64::from(used.sign_count))
    .bind(begun_at)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(match is_overtaken {
        None => Counted::Gone,
        Some(true) => Counted::Overtaken,
        Some(false) => Counted::Twice,
    })
}

/// Disables a passkey whose counter was shown twice, or went back.
pub(super) async fn distrust(tx: &mut TenantTx, used: Used, now: Timestamp) -> Result<(), DbError> {
    sqlx::query(
        "update platform_auth.webauthn_credential
         set disabled_at = $4, disabled_reason = 'sign_count'
         where tenant_id = $1 and id = $2 and subject_id = $3 and disabled_at is null",
    )
    .bind(tx.tenant())
    .bind(used.id)
    .bind(used.user)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Gives a passkey of a user another name; says whether there was one.
pub(super) async fn rename(tx: &mut TenantTx, sealed: &SealedPasskey) -> Result<bool, DbError> {
    let renamed = sqlx::query(
        "update platform_auth.webauthn_credential set name_sealed = $4
         where tenant_id = $1 and id = $2 and subject_id = $3",
    )
    .bind(tx.tenant())
    .bind(sealed.id)
    .bind(sealed.subject_id)
    .bind(&sealed.name_sealed)
    .execute(&mut *tx)
    .await?;
    Ok(renamed.rows_affected() == 1)
}

/// Deletes a passkey of a user; says whether there was one.
pub(super) async fn remove(tx: &mut TenantTx, user: PrincipalId, id: PasskeyId) -> Result<bool, DbError> {
    let removed = sqlx::query(
        "delete from platform_auth.webauthn_credential where tenant_id = $1 and id = $2 and subject_id = $3",
    )
    .bind(tx.tenant())
    .bind(id)
    .bind(user)
    .execute(&mut *tx)
    .await?;
    Ok(removed.rows_affected() == 1)
}

/// Uses a challenge up; says whether it was still good. Of any number at a time one is.
pub(super) async fn redeem(
    tx: &mut TenantTx,
    (id, expires_at): (ChallengeId, Timestamp),
    now: Timestamp,
) -> Result<bool, DbError> {
    let redeemed = sqlx::query(
        "insert into platform_auth.webauthn_challenge (tenant_id, id, redeemed_at, expires_at)
         values ($1, $2, $3, $4)
         on conflict (tenant_id, id) do nothing",
    )
    .bind(tx.tenant())
    .bind(id)
    .bind(now)
    .bind(expires_at)
    .execute(&mut *tx)
    .await?;
    Ok(redeemed.rows_affected() == 1)
}

/// Deletes challenges that have been refused without being looked up for an hour, by the clock of any instance: more at a time than are
/// redeemed, so that the table does not grow with time. Those that another deletes at the moment are left to it.
pub(super) async fn forget(tx: &mut TenantTx, now: Timestamp) -> Result<(), DbError> {
    sqlx::query(
        "delete from platform_auth.webauthn_challenge c
         using (
           select tenant_id, id from platform_auth.webauthn_challenge
           where tenant_id = $1 and expires_at < $2
           order by expires_at limit 10
           for update skip locked
         ) old
         where c.tenant_id = old.tenant_id and c.id = old.id",
    )
    .bind(tx.tenant())
    .bind(now - FORGOTTEN_AFTER)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// More than the clocks of instances differ.
const FORGOTTEN_AFTER: std::time::Duration = std::time::Duration::from_secs(60 * 60);

/// Whether a session of a user has begun, or has been proved anew, since then and has not ended.
pub(super) async fn is_recent(
    read: &mut TenantRead,
    user: PrincipalId,
    session: Uuid,
    since: Timestamp,
) -> Result<bool, DbError> {
    let is_recent = sqlx::query_scalar(
        "select exists (
           select from platform_auth.session
           where tenant_id = $1 and subject_id = $2 and id = $3 and ended_at is null and coalesce(auth_time, created_at) > $4
         )",
    )
    .bind(read.tenant())
    .bind(user)
    .bind(session)
    .bind(since)
    .fetch_one(&mut *read)
    .await?;
    Ok(is_recent)
}
