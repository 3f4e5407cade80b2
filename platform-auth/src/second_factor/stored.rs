//! Seeds and recovery codes, as they are stored. Each function is one statement, and each change a conditional one.

use platform_core::pg::{DbError, TenantRead, TenantTx};
use platform_core::{PrincipalId, TenantId, Timestamp};
use platform_crypto::{Sealed, SealedRow};

/// The seed of a user's one-time codes, sealed under the key of the person, and gone once the user is erased. Name it with
/// [`KeyringBuilder::sealed`](platform_crypto::KeyringBuilder::sealed), so that rotations reach it.
#[derive(Debug, sqlx::FromRow, SealedRow)]
#[sealed(table = "platform_auth.totp_credential")]
pub struct SealedTotp {
    #[sealed(tenant)]
    pub(super) tenant_id: TenantId,
    #[sealed(row, subject)]
    pub(super) subject_id: PrincipalId,
    pub(super) seed_sealed: Sealed<Vec<u8>>,
}

/// What is known of a user's authenticator.
#[derive(sqlx::FromRow)]
pub(super) struct StoredTotp {
    #[sqlx(flatten)]
    pub(super) sealed: SealedTotp,
    pub(super) enrolled_at: Timestamp,
    pub(super) confirmed_at: Option<Timestamp>,
}

pub(super) async fn totp(read: &mut TenantRead, user: PrincipalId) -> Result<Option<StoredTotp>, DbError> {
    let stored = sqlx::query_as(
        "select tenant_id, subject_id, seed_sealed, enrolled_at, confirmed_at
         from platform_auth.totp_credential where tenant_id = $1 and subject_id = $2",
    )
    .bind(read.tenant())
    .bind(user)
    .fetch_optional(&mut *read)
    .await?;
    Ok(stored)
}

/// Stores a seed in the place of one that was never confirmed; says whether it did.
pub(super) async fn enrol(tx: &mut TenantTx, sealed: &SealedTotp, now: Timestamp) -> Result<bool, DbError> {
    let stored = sqlx::query(
        "insert into platform_auth.totp_credential (tenant_id, subject_id, seed_sealed, enrolled_at)
         values ($1, $2, $3, $4)
         on conflict (tenant_id, subject_id) do update set seed_sealed = $3, enrolled_at = $4
           where totp_credential.confirmed_at is null",
    )
    .bind(tx.tenant())
    .bind(sealed.subject_id)
    .bind(&sealed.seed_sealed)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    Ok(stored.rows_affected() == 1)
}

/// From now on signing in takes codes of the seed that was enrolled then; the one of this step is used. Says whether the seed was
/// still the one, and not confirmed.
pub(super) async fn confirm(
    tx: &mut TenantTx,
    user: PrincipalId,
    (enrolled_at, step): (Timestamp, i64),
    now: Timestamp,
) -> Result<bool, DbError> {
    let confirmed = sqlx::query(
        "update platform_auth.totp_credential set confirmed_at = $4, last_used_step = $5
         where tenant_id = $1 and subject_id = $2 and enrolled_at = $3 and confirmed_at is null",
    )
    .bind(tx.tenant())
    .bind(user)
    .bind(enrolled_at)
    .bind(now)
    .bind(step)
    .execute(&mut *tx)
    .await?;
    Ok(confirmed.rows_affected() == 1)
}

/// Uses the code of a step up; says whether it was still good. Of any number at a time one is.
///
/// The code was judged by the seed that was enrolled then: one that was set up since in its place has other codes.
pub(super) async fn use_step(
    tx: &mut TenantTx,
    user: PrincipalId,
    (enrolled_at, step): (Timestamp, i64),
) -> Result<bool, DbError> {
    let used = sqlx::query(
        "update platform_auth.totp_credential set last_used_step = $3
         where tenant_id = $1 and subject_id = $2 and enrolled_at = $4 and confirmed_at is not null and last_used_step < $3",
    )
    .bind(tx.tenant())
    .bind(user)
    .bind(step)
    .bind(enrolled_at)
    .execute(&mut *tx)
    .await?;
    Ok(used.rows_affected() == 1)
}

/// Uses a recovery code up; says whether it was still good. Of any number at a time one is.
pub(super) async fn use_recovery(
    tx: &mut TenantTx,
    user: PrincipalId,
    hash: [u8; 32],
    now: Timestamp,
) -> Result<bool, DbError> {
    let used = sqlx::query(
        "update platform_auth.recovery_code set used_at = $4
         where tenant_id = $1 and subject_id = $2 and code_hash = $3 and used_at is null",
    )
    .bind(tx.tenant())
    .bind(user)
    .bind(hash)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    Ok(used.rows_affected() == 1)
}

/// Puts these recovery codes in the place of all there were. The user has to be locked, or two sets would stand side by side.
pub(super) async fn replace_recovery(
    tx: &mut TenantTx,
    user: PrincipalId,
    hashes: &[[u8; 32]],
    now: Timestamp,
) -> Result<(), DbError> {
    sqlx::query("delete from platform_auth.recovery_code where tenant_id = $1 and subject_id = $2")
        .bind(tx.tenant())
        .bind(user)
        .execute(&mut *tx)
        .await?;
    let hashes: Vec<&[u8]> = hashes.iter().map(<[u8; 32]>::as_slice).collect();
    sqlx::query(
        "insert into platform_auth.recovery_code (tenant_id, subject_id, code_hash, created_at)
         select $1, $2, hash, $4 from unnest($3) hash",
    )
    .bind(tx.tenant())
    .bind(user)
    .bind(hashes)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Deletes seed and recovery codes; says whether there was a seed.
pub(crate) async fn give_up(tx: &mut TenantTx, user: PrincipalId) -> Result<bool, DbError> {
    sqlx::query("delete from platform_auth.recovery_code where tenant_id = $1 and subject_id = $2")
        .bind(tx.tenant())
        .bind(user)
        .execute(&mut *tx)
        .await?;
    let deleted =
        sqlx::query("delete from platform_auth.totp_credential where tenant_id = $1 and subject_id = $2")
            .bind(tx.tenant())
            .bind(user)
            .execute(&mut *tx)
            .await?;
    Ok(deleted.rows_affected() == 1)
}

/// Keeps everybody from opening a session of the user until the transaction ends, see `session::hold_credential`; says when the password
/// was changed.
pub(crate) async fn lock_credential(
    tx: &mut TenantTx,
    user: PrincipalId,
) -> Result<Option<Timestamp>, DbError> {
    let changed_at = sqlx::query_scalar(
        "select changed_at from platform_auth.password_credential
         where tenant_id = $1 and subject_id = $2 for no key update",
    )
    .bind(tx.tenant())
    .bind(user)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(changed_at)
}

/// What a user has to sign in with.
#[derive(sqlx::FromRow)]
pub(super) struct Standing {
    pub(super) changed_at: Timestamp,
    pub(super) is_verified: bool,
    pub(super) has_second_factor: bool,
    pub(super) recovery_codes: i64,
}

pub(super) async fn standing(read: &mut TenantRead, user: PrincipalId) -> Result<Option<Standing>, DbError> {
    let standing = sqlx::query_as(
        "select c.changed_at, u.email_verified_at is not null as is_verified,
                exists (
                  select from platform_auth.totp_credential t
                  where t.tenant_id = u.tenant_id and t.subject_id = u.id and t.confirmed_at is not null
                ) as has_second_factor,
                (
                  select count(*) from platform_auth.recovery_code r
                  where r.tenant_id = u.tenant_id and r.subject_id = u.id and r.used_at is null
                ) as recovery_codes
         from platform_auth.subject u
         join platform_auth.password_credential c on c.tenant_id = u.tenant_id and c.subject_id = u.id
         where u.tenant_id = $1 and u.id = $2",
    )
    .bind(read.tenant())
    .bind(user)
    .fetch_optional(&mut *read)
    .await?;
    Ok(standing)
}
