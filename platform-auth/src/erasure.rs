//! Erasing users, and the legal holds that keep them from it.

use platform_core::pg::{DbError, TenantRead, TenantTx};
use platform_core::{Forbidden, PrincipalId, PrincipalKind, RequestContext, Timestamp};
use platform_crypto::{
    EraseError, Hold, HoldError, HoldId, SUBJECTS_ERASE, SUBJECTS_HOLD, SubjectId, SubjectState,
};

use crate::auth::Inner;
use crate::trail::Asked;
use crate::{Auth, Fault, api_key, authz, trail};

/// How far the erasure of a user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erasure {
    /// Who.
    pub user: PrincipalId,
    /// When it was asked for; nothing personal is shown since then. `None` when nobody has.
    pub requested_at: Option<Timestamp>,
    /// When the user's key was destroyed, beyond every backup. `None` when that is still to be done.
    pub destroyed_at: Option<Timestamp>,
}

/// A user was not erased.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EraseUserError {
    /// The caller lacks a permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The tenant has no such user.
    #[error("there is no such user")]
    NotFound,
    /// Legal holds stand on the user. Nothing was changed, and the refusal was recorded.
    #[error("the user is under a legal hold")]
    Held {
        /// Those that stand.
        holds: Vec<Hold>,
    },
    /// Nobody would be left who administers the tenant and can hand that on. Nothing was changed, and the attempt was recorded.
    #[error("nobody would be left who administers the tenant")]
    LastAdmin,
    /// The service could not do its part. When the erasure had begun, nothing of the user is shown any more; it is finished by calling
    /// again, or by the maintenance of the keyring.
    #[error("the user could not be erased yet")]
    Fault(#[source] Fault),
}

/// A legal hold was not placed, released or shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HoldUserError {
    /// The caller lacks a permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The tenant has no such user, or the user no such hold.
    #[error("there is no such user or hold")]
    NotFound,
    /// The reason is empty or longer than 200 characters.
    #[error("the reason for a legal hold has 1 to 200 characters")]
    InvalidReason,
    /// The user's erasure has begun already.
    #[error("the user has been erased")]
    Erased,
    /// The service could not do its part.
    #[error("the legal hold could not be stored")]
    Fault(#[source] Fault),
}

/// The data subject that a user is: the ids are the same.
pub(crate) fn subject(user: PrincipalId) -> SubjectId {
    SubjectId::from_stored(user.as_uuid())
}

impl Auth {
    /// Erases a user. In one transaction: sessions end, the password and API keys go, what is personal goes, the user is disabled and the
    /// erasure of the [data subject](SubjectId) begins. Then the subject's key is destroyed, beyond every backup. The id stays, for
    /// what refers to it.
    ///
    /// Erasing a user who is erased already changes nothing and succeeds. A job of the service may erase whoever administers the tenant
    /// alone; a user may not.
    ///
    /// # Errors
    /// [`EraseUserError::Forbidden`] without [`SUBJECTS_ERASE`], [`EraseUserError::Held`] under a legal hold,
    /// [`EraseUserError::LastAdmin`] when nobody would be left who administers the tenant, and the others of [`EraseUserError`].
    pub async fn erase_user(
        &self,
        ctx: &RequestContext,
        user: PrincipalId,
    ) -> Result<Erasure, EraseUserError> {
        ctx.require(SUBJECTS_ERASE)?;
        let inner = &*self.inner;
        let mut tx = inner.db.begin(ctx).await?;
        // Whoever is erased loses what was granted. It counts as a change of that, and takes its lock first, as all of those do.
        let is_erased = is_erased(&mut tx, user).await?;
        if !is_erased.ok_or(EraseUserError::NotFound)? {
            authz::raise_version(&mut tx, &inner.sources).await?;
        }
        if !lock(&mut tx, user).await? {
            return Err(EraseUserError::NotFound);
        }
        let now = inner.sources.now();
        let before = authz::admins(self, &mut tx, now).await?;
        match inner.keys.begin_erasure(&mut tx, ctx, subject(user)).await {
            Ok(()) => {}
            Err(EraseError::Held { holds }) => {
                tx.rollback().await?;
                inner
                    .keys
                    .record_refused_erasure(ctx, subject(user), &holds)
                    .await?;
                return Err(EraseUserError::Held { holds });
            }
            Err(error) => return Err(error.into()),
        }
        inner.marks.mark_after(&mut tx, user.as_uuid());
        if empty(&mut tx, user, now).await? {
            let after = authz::admins(self, &mut tx, now).await?;
            if ctx.principal().kind() != PrincipalKind::System && after.are_lost_of(&before) {
                tx.rollback().await?;
                let asked = Asked::to("erase_user", "nobody would be left who administers the tenant");
                self.record_refused(ctx, "last_admin", asked).await;
                return Err(EraseUserError::LastAdmin);
            }
            inner.audit.record(&mut tx, ctx, trail::erased(user)).await?;
            tx.commit().await?;
        } else if is_erased == Some(true) {
            tx.commit().await?;
        } else {
            // Somebody else has erased the user meanwhile: nothing was changed but the version.
            tx.rollback().await?;
        }
        let erased = inner.keys.finish_erasure(ctx, subject(user)).await?;
        tracing::info!(user.id = %user, "erased user {user}");
        Ok(Erasure {
            user,
            requested_at: Some(erased.requested_at),
            destroyed_at: Some(erased.destroyed_at),
        })
    }

    /// How far the erasure of a user is; `None` when the tenant has no such user.
    ///
    /// # Errors
    /// [`EraseUserError::Forbidden`] without [`SUBJECTS_ERASE`].
    pub async fn erasure(
        &self,
        ctx: &RequestContext,
        user: PrincipalId,
    ) -> Result<Option<Erasure>, EraseUserError> {
        ctx.require(SUBJECTS_ERASE)?;
        if !self.inner.is_user(ctx, user).await? {
            return Ok(None);
        }
        let info = self.inner.keys.subject(ctx, subject(user)).await?;
        Ok(Some(Erasure {
            user,
            requested_at: info.as_ref().and_then(|info| info.erase_requested_at),
            destroyed_at: info
                .filter(|info| info.state == SubjectState::Destroyed)
                .and_then(|info| info.destroyed_at),
        }))
    }

    /// Places a legal hold on a user: until it is released the user is not erased.
    ///
    /// # Errors
    /// [`HoldUserError`]; it needs [`SUBJECTS_HOLD`].
    pub async fn place_hold(
        &self,
        ctx: &RequestContext,
        user: PrincipalId,
        reason: &str,
    ) -> Result<Hold, HoldUserError> {
        ctx.require(SUBJECTS_HOLD)?;
        if !self.inner.is_user(ctx, user).await? {
            return Err(HoldUserError::NotFound);
        }
        Ok(self.inner.keys.place_hold(ctx, subject(user), reason).await?)
    }

    /// The legal holds that stand on a user, the oldest first.
    ///
    /// # Errors
    /// [`HoldUserError::NotFound`] when the tenant has no such user; it needs [`SUBJECTS_HOLD`].
    pub async fn holds(&self, ctx: &RequestContext, user: PrincipalId) -> Result<Vec<Hold>, HoldUserError> {
        ctx.require(SUBJECTS_HOLD)?;
        if !self.inner.is_user(ctx, user).await? {
            return Err(HoldUserError::NotFound);
        }
        Ok(self.inner.keys.holds(ctx, subject(user)).await?)
    }

    /// Releases a legal hold of a user. After the last one the user can be erased.
    ///
    /// # Errors
    /// [`HoldUserError::NotFound`] when the user has no such hold; it needs [`SUBJECTS_HOLD`].
    pub async fn release_hold(
        &self,
        ctx: &RequestContext,
        user: PrincipalId,
        hold: HoldId,
    ) -> Result<Hold, HoldUserError> {
        let holds = self.holds(ctx, user).await?;
        if !holds.iter().any(|standing| standing.id == hold) {
            return Err(HoldUserError::NotFound);
        }
        Ok(self.inner.keys.release_hold(ctx, hold).await?)
    }
}

impl Inner {
    async fn is_user(&self, ctx: &RequestContext, user: PrincipalId) -> Result<bool, DbError> {
        let mut read = self.db.read(ctx).await?;
        let is_user = exists(&mut read, user).await?;
        read.finish().await?;
        Ok(is_user)
    }
}

pub(crate) async fn exists(read: &mut TenantRead, user: PrincipalId) -> Result<bool, DbError> {
    let exists = sqlx::query_scalar(
        "select exists (select from platform_auth.subject where tenant_id = $1 and id = $2 and kind = 'human')",
    )
    .bind(read.tenant())
    .bind(user)
    .fetch_one(&mut *read)
    .await?;
    Ok(exists)
}

/// Whether the user was erased; `None` when there is none.
async fn is_erased(tx: &mut TenantTx, user: PrincipalId) -> Result<Option<bool>, DbError> {
    let is_erased = sqlx::query_scalar(
        "select erased_at is not null from platform_auth.subject where tenant_id = $1 and id = $2",
    )
    .bind(tx.tenant())
    .bind(user)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(is_erased)
}

/// Keeps others from changing the user until the transaction ends; `false` when there is none. Rows that only refer to the user, such
/// as a session, may be made meanwhile: waiting for them would deadlock with a sign-in that waits for the credential.
pub(crate) async fn lock(tx: &mut TenantTx, user: PrincipalId) -> Result<bool, DbError> {
    let found: Option<i32> = sqlx::query_scalar(
        "select 1 from platform_auth.subject where tenant_id = $1 and id = $2 and kind = 'human' for no key update",
    )
    .bind(tx.tenant())
    .bind(user)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(found.is_some())
}

/// Takes everything personal out of the tables of this crate; `false` when there was nothing left, and nothing was touched.
pub(crate) async fn empty(tx: &mut TenantTx, user: PrincipalId, now: Timestamp) -> Result<bool, DbError> {
    let emptied = sqlx::query(
        "update platform_auth.subject
         set status = 'disabled', erased_at = $3, email = null, email_normalized = null, first_name = null, last_name = null,
             email_sealed = null, first_name_sealed = null, last_name_sealed = null, email_verified_at = null
         where tenant_id = $1 and id = $2 and erased_at is null",
    )
    .bind(tx.tenant())
    .bind(user)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    let forgotten =
        sqlx::query("delete from platform_auth.password_credential where tenant_id = $1 and subject_id = $2")
            .bind(tx.tenant())
            .bind(user)
            .execute(&mut *tx)
            .await?;
    let ended = sqlx::query(
        "update platform_auth.session s
         set source_address = null, user_agent = null,
             ended_at = coalesce(ended_at, $3), end_reason = coalesce(end_reason, 'erased')
         from (
           select id from platform_auth.session
           where tenant_id = $1 and subject_id = $2
             and (ended_at is null or source_address is not null or user_agent is not null)
           order by id
           for no key update
         ) held
         where s.tenant_id = $1 and s.id = held.id",
    )
    .bind(tx.tenant())
    .bind(user)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    let mut touched = vec![emptied, forgotten, ended];
    for statement in [
        "delete from platform_auth.totp_credential where tenant_id = $1 and subject_id = $2",
        "delete from platform_auth.recovery_code where tenant_id = $1 and subject_id = $2",
        "delete from platform_auth.webauthn_credential where tenant_id = $1 and subject_id = $2",
        "delete from platform_auth.one_time_token where tenant_id = $1 and subject_id = $2",
        "delete from platform_auth.mail where tenant_id = $1 and subject_id = $2",
    ] {
        let deleted = sqlx::query(statement).bind(tx.tenant()).bind(user);
        touched.push(deleted.execute(&mut *tx).await?);
    }
    let keys = api_key::forget_all(tx, user).await?;
    Ok(keys > 0 || touched.iter().any(|done| done.rows_affected() > 0))
}

impl From<EraseError> for EraseUserError {
    fn from(error: EraseError) -> Self {
        match error {
            EraseError::Held { holds } => Self::Held { holds },
            EraseError::NotFound => Self::NotFound,
            EraseError::Keys(error) => Self::Fault(error.into()),
            _ => Self::NotFound,
        }
    }
}

impl From<HoldError> for HoldUserError {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::InvalidReason => Self::InvalidReason,
            HoldError::Erased => Self::Erased,
            HoldError::Keys(error) => Self::Fault(error.into()),
            _ => Self::NotFound,
        }
    }
}
