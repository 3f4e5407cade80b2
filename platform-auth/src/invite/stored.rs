//! Invitations, as they are stored. Each function is one statement, and each change a conditional one.

use platform_core::pg::{DbError, TenantRead, TenantTx};
use platform_core::{PrincipalId, TenantId, Timestamp};
use platform_crypto::{Sealed, SealedRow};

use super::InvitationId;
use crate::{OneTimeToken, Role, RoleId};

/// An invitation, as the table of invitations holds one: the address is sealed under the key of the person that it is of, and gone once
/// the invitation is over. Name it with [`KeyringBuilder::sealed`](platform_crypto::KeyringBuilder::sealed), so that rotations reach it.
#[derive(Debug, sqlx::FromRow, SealedRow)]
#[sealed(table = "platform_auth.invitation")]
pub struct SealedInvitation {
    #[sealed(tenant)]
    pub(super) tenant_id: TenantId,
    #[sealed(row)]
    pub(super) id: InvitationId,
    #[sealed(subject)]
    pub(super) subject_id: PrincipalId,
    #[sealed(padded = 64)]
    pub(super) email_sealed: Option<Sealed<String>>,
}

/// An invitation that is open.
#[derive(sqlx::FromRow)]
pub(super) struct Open {
    #[sqlx(flatten)]
    pub(super) sealed: SealedInvitation,
    builtin_role: String,
    pub(super) role_ids: Vec<RoleId>,
    pub(super) invited_at: Timestamp,
    pub(super) invited_by: Option<PrincipalId>,
    pub(super) expires_at: Timestamp,
    /// Did the token go to the address, and to nobody else?
    pub(super) token_mailed: bool,
}

impl Open {
    /// A constraint sees to it that it is one; what is not known gives the least.
    pub(super) fn role(&self) -> Role {
        self.builtin_role.parse().unwrap_or(Role::User)
    }
}

/// An invitation that is to be stored.
pub(super) struct New<'a> {
    pub(super) sealed: &'a SealedInvitation,
    pub(super) token: &'a OneTimeToken,
    pub(super) role: Role,
    pub(super) roles: &'a [RoleId],
    pub(super) invited_by: Option<PrincipalId>,
    pub(super) now: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) token_mailed: bool,
}

pub(super) async fn insert(tx: &mut TenantTx, new: &New<'_>) -> Result<(), DbError> {
    sqlx::query(
        "insert into platform_auth.invitation
           (tenant_id, id, subject_id, email_sealed, token_hash, builtin_role, role_ids, invited_at, invited_by, expires_at,
            token_mailed)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(tx.tenant())
    .bind(new.sealed.id)
    .bind(new.sealed.subject_id)
    .bind(&new.sealed.email_sealed)
    .bind(new.token.hash())
    .bind(new.role.as_str())
    .bind(new.roles)
    .bind(new.now)
    .bind(new.invited_by)
    .bind(new.expires_at)
    .bind(new.token_mailed)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// How many invitations a tenant has.
#[derive(sqlx::FromRow)]
pub(super) struct Counted {
    /// That are open.
    pub(super) open: i64,
    /// That were made lately, whatever has become of them.
    pub(super) lately: i64,
}

/// How many are open, and how many were made after an instant.
pub(super) async fn count(tx: &mut TenantTx, now: Timestamp, after: Timestamp) -> Result<Counted, DbError> {
    let counted = sqlx::query_as(
        "select
           (select count(*) from platform_auth.invitation
            where tenant_id = $1 and accepted_at is null and revoked_at is null and expires_at > $2) as open,
           (select count(*) from platform_auth.invitation where tenant_id = $1 and invited_at > $3) as lately",
    )
    .bind(tx.tenant())
    .bind(now)
    .bind(after)
    .fetch_one(&mut *tx)
    .await?;
    Ok(counted)
}

/// Are there any that nobody has accepted in time, and of which it is still known whom they had invited?
pub(super) async fn any_to_forget(read: &mut TenantRead, now: Timestamp) -> Result<bool, DbError> {
    let any = sqlx::query_scalar(
        "select exists (
           select from platform_auth.invitation
           where tenant_id = $1 and expires_at <= $2 and accepted_at is null and revoked_at is null and forgotten_at is null
         )",
    )
    .bind(read.tenant())
    .bind(now)
    .fetch_one(&mut *read)
    .await?;
    Ok(any)
}

/// Forgets of those, oldest first, whom they had invited and to what; says which they were. Those that another forgets at the moment are
/// left to it.
pub(super) async fn forget_expired(
    tx: &mut TenantTx,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<InvitationId>, DbError> {
    let forgotten = sqlx::query_scalar(
        "update platform_auth.invitation i
         set email_sealed = null, builtin_role = 'user', role_ids = '{}', forgotten_at = $2
         from (
           select tenant_id, id from platform_auth.invitation
           where tenant_id = $1 and expires_at <= $2 and accepted_at is null and revoked_at is null and forgotten_at is null
           order by expires_at, id limit $3
           for update skip locked
         ) over
         where i.tenant_id = over.tenant_id and i.id = over.id
         returning i.id",
    )
    .bind(tx.tenant())
    .bind(now)
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    Ok(forgotten)
}

/// Those that are open in the order in which they were made.
pub(super) async fn list(
    read: &mut TenantRead,
    after: Option<InvitationId>,
    (limit, now): (u32, Timestamp),
) -> Result<Vec<Open>, DbError> {
    let open = sqlx::query_as(
        "select tenant_id, id, subject_id, email_sealed, builtin_role, role_ids, invited_at, invited_by, expires_at, token_mailed
         from platform_auth.invitation
         where tenant_id = $1 and ($2::uuid is null or id > $2)
           and accepted_at is null and revoked_at is null and expires_at > $4
         order by id limit $3",
    )
    .bind(read.tenant())
    .bind(after)
    .bind(i64::from(limit))
    .bind(now)
    .fetch_all(&mut *read)
    .await?;
    Ok(open)
}

/// The open invitation of a token.
pub(super) async fn find(
    read: &mut TenantRead,
    token: &OneTimeToken,
    now: Timestamp,
) -> Result<Option<Open>, DbError> {
    let open = sqlx::query_as(
        "select tenant_id, id, subject_id, email_sealed, builtin_role, role_ids, invited_at, invited_by, expires_at, token_mailed
         from platform_auth.invitation
         where tenant_id = $1 and token_hash = $2 and accepted_at is null and revoked_at is null and expires_at > $3",
    )
    .bind(read.tenant())
    .bind(token.hash())
    .bind(now)
    .fetch_optional(&mut *read)
    .await?;
    Ok(open)
}

/// Accepts an invitation if it is open; says whether it did. Of any number at a time one does.
pub(super) async fn accept(
    tx: &mut TenantTx,
    token: &OneTimeToken,
    now: Timestamp,
) -> Result<Option<InvitationId>, DbError> {
    let accepted = sqlx::query_scalar(
        "update platform_auth.invitation set accepted_at = $3, email_sealed = null
         where tenant_id = $1 and token_hash = $2 and accepted_at is null and revoked_at is null and forgotten_at is null
           and expires_at > $3
         returning id",
    )
    .bind(tx.tenant())
    .bind(token.hash())
    .bind(now)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(accepted)
}

/// Revokes an invitation if it is open, and takes back the mail that has not been sent; says whether it did.
pub(super) async fn revoke(tx: &mut TenantTx, id: InvitationId, now: Timestamp) -> Result<bool, DbError> {
    let revoked = sqlx::query(
        "with revoked as (
           update platform_auth.invitation set revoked_at = $3, email_sealed = null
           where tenant_id = $1 and id = $2 and accepted_at is null and revoked_at is null and forgotten_at is null
             and expires_at > $3
           returning tenant_id, subject_id
         ),
         taken_back as (
           delete from platform_auth.mail m using revoked r where m.tenant_id = r.tenant_id and m.subject_id = r.subject_id
         )
         select 1 from revoked",
    )
    .bind(tx.tenant())
    .bind(id)
    .bind(now)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(revoked.is_some())
}
