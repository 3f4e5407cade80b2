//! Mail that waits, as it is stored. Each function is one statement, and each change a conditional one.

use platform_core::pg::{DbError, TenantRead, TenantTx};
use platform_core::{PrincipalId, TenantId, Timestamp};
use platform_crypto::{Sealed, SealedRow};

use super::MailId;

/// A mail, as the table of waiting mails holds one: address and text are sealed under the key of the person that it goes to, and gone
/// once the user is erased. Name it with [`KeyringBuilder::sealed`](platform_crypto::KeyringBuilder::sealed), so that rotations reach it.
#[derive(Debug, sqlx::FromRow, SealedRow)]
#[sealed(table = "platform_auth.mail")]
pub struct SealedMail {
    #[sealed(tenant)]
    pub(super) tenant_id: TenantId,
    #[sealed(row)]
    pub(super) id: MailId,
    #[sealed(subject)]
    pub(super) subject_id: PrincipalId,
    #[sealed(padded = 256)]
    pub(super) content_sealed: Sealed<String>,
}

/// A mail that was claimed, to be sent by whoever did.
#[derive(sqlx::FromRow)]
pub(super) struct Claimed {
    #[sqlx(flatten)]
    pub(super) mail: SealedMail,
    pub(super) kind: String,
    pub(super) attempts: i32,
    pub(super) expires_at: Timestamp,
}

pub(super) async fn insert(
    tx: &mut TenantTx,
    mail: &SealedMail,
    kind: &'static str,
    (now, expires_at): (Timestamp, Timestamp),
) -> Result<(), DbError> {
    sqlx::query(
        "insert into platform_auth.mail
           (tenant_id, id, subject_id, kind, content_sealed, created_at, expires_at, next_attempt_at)
         values ($1, $2, $3, $4, $5, $6, $7, $6)",
    )
    .bind(tx.tenant())
    .bind(mail.id)
    .bind(mail.subject_id)
    .bind(kind)
    .bind(&mail.content_sealed)
    .bind(now)
    .bind(expires_at)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Claims the mail that has been due for the longest time: nobody else tries it for a minute, and after each attempt for twice as long,
/// up to 32 minutes. Sending takes half a minute at most.
pub(super) async fn claim(tx: &mut TenantTx, now: Timestamp) -> Result<Option<Claimed>, DbError> {
    let claimed = sqlx::query_as(
        "update platform_auth.mail m
         set attempts = m.attempts + 1,
             next_attempt_at = $2 + make_interval(mins => (2 ^ least(m.attempts, 5))::integer)
         from (
           select tenant_id, id from platform_auth.mail
           where tenant_id = $1 and next_attempt_at <= $2
           order by next_attempt_at, id limit 1
           for update skip locked
         ) due
         where m.tenant_id = due.tenant_id and m.id = due.id
         returning m.tenant_id, m.id, m.subject_id, m.content_sealed, m.kind, m.attempts, m.expires_at",
    )
    .bind(tx.tenant())
    .bind(now)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(claimed)
}

/// When the next mail of the tenant is due.
pub(super) async fn next_due(read: &mut TenantRead) -> Result<Option<Timestamp>, DbError> {
    let due = sqlx::query_scalar("select min(next_attempt_at) from platform_auth.mail where tenant_id = $1")
        .bind(read.tenant())
        .fetch_one(&mut *read)
        .await?;
    Ok(due)
}

/// Deletes a mail; says whether it was there.
pub(super) async fn delete(tx: &mut TenantTx, id: MailId) -> Result<bool, DbError> {
    let deleted = sqlx::query("delete from platform_auth.mail where tenant_id = $1 and id = $2")
        .bind(tx.tenant())
        .bind(id)
        .execute(&mut *tx)
        .await?;
    Ok(deleted.rows_affected() == 1)
}
