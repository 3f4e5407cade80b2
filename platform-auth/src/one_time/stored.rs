//! One-time tokens, as they are stored. Each function is one statement, and each change a conditional one.

use platform_core::pg::{DbError, TenantRead, TenantTx};
use platform_core::{PrincipalId, Timestamp};

use super::{ATTEMPTS_MAX, OneTimeToken, OneTimeTokenId, Purpose};

/// A token that is to be stored.
pub(super) struct New<'a> {
    pub(super) id: OneTimeTokenId,
    pub(super) user: PrincipalId,
    pub(super) purpose: Purpose,
    pub(super) token: &'a OneTimeToken,
    pub(super) issued_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

pub(super) async fn insert(tx: &mut TenantTx, new: &New<'_>) -> Result<(), DbError> {
    sqlx::query(
        "insert into platform_auth.one_time_token
           (tenant_id, id, subject_id, purpose, token_hash, issued_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tx.tenant())
    .bind(new.id)
    .bind(new.user)
    .bind(new.purpose.as_str())
    .bind(new.token.hash())
    .bind(new.issued_at)
    .bind(new.expires_at)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// How many tokens the user has got since then and not consumed.
pub(super) async fn count(
    tx: &mut TenantTx,
    user: PrincipalId,
    purpose: Purpose,
    since: Timestamp,
) -> Result<i64, DbError> {
    let count = sqlx::query_scalar(
        "select count(*) from platform_auth.one_time_token
         where tenant_id = $1 and subject_id = $2 and purpose = $3 and issued_at > $4 and consumed_at is null",
    )
    .bind(tx.tenant())
    .bind(user)
    .bind(purpose.as_str())
    .bind(since)
    .fetch_one(&mut *tx)
    .await?;
    Ok(count)
}

/// Deletes what is counted no longer, so that the table does not grow with time.
pub(super) async fn forget(
    tx: &mut TenantTx,
    user: PrincipalId,
    purpose: Purpose,
    before: Timestamp,
) -> Result<(), DbError> {
    sqlx::query(
        "delete from platform_auth.one_time_token
         where tenant_id = $1 and subject_id = $2 and purpose = $3 and issued_at <= $4",
    )
    .bind(tx.tenant())
    .bind(user)
    .bind(purpose.as_str())
    .bind(before)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Makes the user's tokens of a purpose worthless.
pub(crate) async fn void(
    tx: &mut TenantTx,
    user: PrincipalId,
    purpose: Purpose,
    now: Timestamp,
) -> Result<(), DbError> {
    sqlx::query(
        "update platform_auth.one_time_token set voided_at = $4
         where tenant_id = $1 and subject_id = $2 and purpose = $3 and consumed_at is null and voided_at is null",
    )
    .bind(tx.tenant())
    .bind(user)
    .bind(purpose.as_str())
    .bind(now)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Makes every token worthless that a change of the user's credentials may not outlive: those with which one sets a password or signs in.
///
/// Challenges are deleted: whoever got them knew what has just been changed, and what they have used up of the hourly count would keep
/// the user from signing in with what holds now.
pub(crate) async fn void_all(tx: &mut TenantTx, user: PrincipalId, now: Timestamp) -> Result<(), DbError> {
    void(tx, user, Purpose::ResetPassword, now).await?;
    sqlx::query(
        "delete from platform_auth.one_time_token where tenant_id = $1 and subject_id = $2 and purpose = $3",
    )
    .bind(tx.tenant())
    .bind(user)
    .bind(Purpose::SecondFactor.as_str())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Whose token it is, if it is good now.
pub(crate) async fn find(
    read: &mut TenantRead,
    token: &OneTimeToken,
    purpose: Purpose,
    now: Timestamp,
) -> Result<Option<PrincipalId>, DbError> {
    let user = sqlx::query_scalar(
        "select subject_id from platform_auth.one_time_token
         where tenant_id = $1 and token_hash = $2 and purpose = $3
           and consumed_at is null and voided_at is null and expires_at > $4",
    )
    .bind(read.tenant())
    .bind(token.hash())
    .bind(purpose.as_str())
    .bind(now)
    .fetch_optional(&mut *read)
    .await?;
    Ok(user)
}

/// Whose token it is, good or not: to lock the user before the token, as whoever issues one does.
pub(crate) async fn owner(tx: &mut TenantTx, token: &OneTimeToken) -> Result<Option<PrincipalId>, DbError> {
    let user = sqlx::query_scalar(
        "select subject_id from platform_auth.one_time_token where tenant_id = $1 and token_hash = $2",
    )
    .bind(tx.tenant())
    .bind(token.hash())
    .fetch_optional(&mut *tx)
    .await?;
    Ok(user)
}

/// Uses a token up and says whose it was; `None` when it is not good, or not any more. Of any number at a time one gets the user.
pub(crate) async fn consume(
    tx: &mut TenantTx,
    token: &OneTimeToken,
    purpose: Purpose,
    now: Timestamp,
) -> Result<Option<PrincipalId>, DbError> {
    let user = sqlx::query_scalar(
        "update platform_auth.one_time_token set consumed_at = $4
         where tenant_id = $1 and token_hash = $2 and purpose = $3
           and consumed_at is null and voided_at is null and expires_at > $4
         returning subject_id",
    )
    .bind(tx.tenant())
    .bind(token.hash())
    .bind(purpose.as_str())
    .bind(now)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(user)
}

/// Notes that a wrong code came with a token; with the last that it outlives not it is void.
pub(crate) async fn failed(
    tx: &mut TenantTx,
    token: &OneTimeToken,
    purpose: Purpose,
    now: Timestamp,
) -> Result<(), DbError> {
    sqlx::query(
        "update platform_auth.one_time_token
         set attempts = attempts + 1, voided_at = case when attempts + 1 >= $5 then $4 end
         where tenant_id = $1 and token_hash = $2 and purpose = $3 and consumed_at is null and voided_at is null",
    )
    .bind(tx.tenant())
    .bind(token.hash())
    .bind(purpose.as_str())
    .bind(now)
    .bind(ATTEMPTS_MAX)
    .execute(&mut *tx)
    .await?;
    Ok(())
}
