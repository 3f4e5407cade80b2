//! Sessions, as they are stored. Each function is one statement, and each change a conditional one. Who changes several takes them in the
//! order of their ids, so that nobody waits for somebody who waits for them.

use std::time::Duration;

use platform_core::pg::{DbError, TenantTx};
use platform_core::{PrincipalId, RequestMeta, Timestamp};

use super::{Proof, Sessions};
use crate::{SessionConfig, SessionId, SessionToken};

/// A session that is to be stored.
pub(crate) struct NewSession<'a> {
    pub(crate) id: SessionId,
    pub(crate) user: PrincipalId,
    pub(crate) token: &'a SessionToken,
    pub(crate) now: Timestamp,
    pub(crate) lifetime: SessionConfig,
    pub(crate) meta: &'a RequestMeta,
    pub(crate) proof: Proof,
}

impl NewSession<'_> {
    pub(crate) fn expires_at(&self) -> Timestamp {
        later(self.now, self.lifetime.absolute)
    }
}

/// Why a session ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum EndReason {
    SignedOut,
    /// Its holder signed in anew.
    Replaced,
    /// Its user changed the password in another session.
    PasswordChanged,
    /// The password was set by who had a token for it.
    PasswordReset,
    /// Its user set up, or gave up, the second factor in another session.
    FactorChanged,
    /// Its user ended it from another one.
    EndedByUser,
    /// An administrator ended it.
    EndedByAdmin,
    /// An administrator disabled its user.
    UserDisabled,
    /// Its tenant ended.
    TenantClosed,
}

/// Keeps the password and the second factor of a user from being changed until the transaction ends; says when the password was.
/// Whoever changes either of them locks the row for himself.
pub(crate) async fn hold_credential(
    tx: &mut TenantTx,
    user: PrincipalId,
) -> Result<Option<Timestamp>, DbError> {
    let changed_at = sqlx::query_scalar(
        "select changed_at from platform_auth.password_credential
         where tenant_id = $1 and subject_id = $2 for share",
    )
    .bind(tx.tenant())
    .bind(user)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(changed_at)
}

/// Opens a session for a user who is active, whose password is still the one that was verified, and who has given a code where one is
/// asked for; says whether it did.
///
/// The credential has to be [held](hold_credential) by a statement before this one. A change of the password or of the second factor that
/// ends the user's sessions therefore either waits and ends this one too, or comes first and is seen here.
pub(crate) async fn open(
    tx: &mut TenantTx,
    new: &NewSession<'_>,
    password_changed_at: Timestamp,
) -> Result<bool, DbError> {
    let inserted = sqlx::query(
        "insert into platform_auth.session
           (tenant_id, id, subject_id, token_hash, created_at, last_seen_at, idle_expires_at, expires_at, source_address, user_agent,
            amr, auth_time)
         select u.tenant_id, $2, u.id, $4, $5, $5, $6, $7, $8, $9, $11, $5
         from platform_auth.subject u
         join platform_auth.password_credential c on c.tenant_id = u.tenant_id and c.subject_id = u.id
         where u.tenant_id = $1 and u.id = $3 and u.status = 'active' and c.changed_at = $10
           and (cardinality($11) > 1 or not exists (
             select from platform_auth.totp_credential t
             where t.tenant_id = u.tenant_id and t.subject_id = u.id and t.confirmed_at is not null
           ))
         for share of c",
    )
    .bind(tx.tenant())
    .bind(new.id)
    .bind(new.user)
    .bind(new.token.hash())
    .bind(new.now)
    .bind(later(new.now, new.lifetime.idle).min(new.expires_at()))
    .bind(new.expires_at())
    .bind(new.meta.source_address.map(|address| address.to_string()))
    .bind(new.meta.user_agent.as_deref())
    .bind(password_changed_at)
    .bind(new.proof.methods())
    .execute(&mut *tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Notes that a session was used, unless that was noted a moment ago by somebody else or the session has ended meanwhile; says until when it
/// may rest now.
pub(super) async fn touch(
    tx: &mut TenantTx,
    id: SessionId,
    lifetime: SessionConfig,
    now: Timestamp,
) -> Result<Option<Timestamp>, DbError> {
    let rests_until = sqlx::query_scalar(
        "update platform_auth.session set last_seen_at = $3, idle_expires_at = least($4, expires_at)
         where tenant_id = $1 and id = $2 and ended_at is null and last_seen_at <= $5 and idle_expires_at > $3
         returning idle_expires_at",
    )
    .bind(tx.tenant())
    .bind(id)
    .bind(now)
    .bind(later(now, lifetime.idle))
    .bind(earlier(now, lifetime.touch_interval))
    .fetch_optional(&mut *tx)
    .await?;
    Ok(rests_until)
}

/// The ways in which sessions end. Each has this instance forget the user's sessions with the commit.
impl Sessions {
    /// Ends a session and names its user; `None` when it had ended already.
    pub(crate) async fn end(
        &self,
        tx: &mut TenantTx,
        id: SessionId,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<Option<PrincipalId>, DbError> {
        let user: Option<PrincipalId> = sqlx::query_scalar(
            "update platform_auth.session set ended_at = $3, end_reason = $4
             where tenant_id = $1 and id = $2 and ended_at is null
             returning subject_id",
        )
        .bind(tx.tenant())
        .bind(id)
        .bind(now)
        .bind(reason.as_str())
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(user) = user {
            self.marks.mark_after(tx, user.as_uuid());
        }
        Ok(user)
    }

    /// Ends a session of a user that is not over; says whether there was one.
    pub(crate) async fn end_live(
        &self,
        tx: &mut TenantTx,
        (user, id): (PrincipalId, SessionId),
        reason: EndReason,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let ended = sqlx::query(
            "update platform_auth.session set ended_at = $4, end_reason = $5
             where tenant_id = $1 and id = $2 and subject_id = $3 and ended_at is null
               and idle_expires_at > $4 and expires_at > $4",
        )
        .bind(tx.tenant())
        .bind(id)
        .bind(user)
        .bind(now)
        .bind(reason.as_str())
        .execute(&mut *tx)
        .await?;
        self.marks.mark_after(tx, user.as_uuid());
        Ok(ended.rows_affected() == 1)
    }

    /// Ends every session of a user but one, and says how many.
    pub(crate) async fn end_others(
        &self,
        tx: &mut TenantTx,
        user: PrincipalId,
        kept: Option<SessionId>,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<u64, DbError> {
        let ended = sqlx::query(
            "update platform_auth.session s set ended_at = $4, end_reason = $5
             from (
               select id from platform_auth.session
               where tenant_id = $1 and subject_id = $2 and ended_at is null and id is distinct from $3
               order by id
               for no key update
             ) live
             where s.tenant_id = $1 and s.id = live.id",
        )
        .bind(tx.tenant())
        .bind(user)
        .bind(kept)
        .bind(now)
        .bind(reason.as_str())
        .execute(&mut *tx)
        .await?;
        self.marks.mark_after(tx, user.as_uuid());
        Ok(ended.rows_affected())
    }
}

/// Ends every session of the tenant, and says how many.
pub(crate) async fn end_all(tx: &mut TenantTx, reason: EndReason, now: Timestamp) -> Result<u64, DbError> {
    let ended = sqlx::query(
        "update platform_auth.session s set ended_at = $2, end_reason = $3
         from (
           select id from platform_auth.session where tenant_id = $1 and ended_at is null order by id for no key update
         ) live
         where s.tenant_id = $1 and s.id = live.id",
    )
    .bind(tx.tenant())
    .bind(now)
    .bind(reason.as_str())
    .execute(&mut *tx)
    .await?;
    Ok(ended.rows_affected())
}

/// How the user of a session proved to be that; `None` when the session is not a live one of the user.
pub(crate) async fn proof_of(
    tx: &mut TenantTx,
    user: PrincipalId,
    id: SessionId,
) -> Result<Option<Proof>, DbError> {
    let methods: Option<Vec<String>> = sqlx::query_scalar(
        "select amr from platform_auth.session where tenant_id = $1 and subject_id = $2 and id = $3 and ended_at is null",
    )
    .bind(tx.tenant())
    .bind(user)
    .bind(id)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(methods.map(|methods| Proof::of(&methods)))
}

impl EndReason {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::Replaced => "replaced",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::FactorChanged => "factor_changed",
            Self::EndedByUser => "ended_by_user",
            Self::EndedByAdmin => "ended_by_admin",
            Self::UserDisabled => "user_disabled",
            Self::TenantClosed => "tenant_closed",
        }
    }
}

/// The longest that a configured length of time is taken for: past it lie dates that neither side can store.
const SPAN_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    at + by.min(SPAN_MAX)
}

pub(super) fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    at - by.min(SPAN_MAX)
}
