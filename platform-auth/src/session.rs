//! Sessions, as they are stored. Each function is one statement, and each change a conditional one.

use std::time::Duration;

use platform_core::pg::{DbError, TenantRead, TenantTx};
use platform_core::{PrincipalId, RequestMeta, Timestamp};

use crate::{SessionConfig, SessionId, SessionToken};

/// A session that is to be stored.
pub(crate) struct NewSession<'a> {
    pub(crate) id: SessionId,
    pub(crate) user: PrincipalId,
    pub(crate) token: &'a SessionToken,
    pub(crate) now: Timestamp,
    pub(crate) lifetime: SessionConfig,
    pub(crate) meta: &'a RequestMeta,
}

impl NewSession<'_> {
    pub(crate) fn expires_at(&self) -> Timestamp {
        later(self.now, self.lifetime.absolute)
    }
}

/// What a token's session and its user are like.
#[derive(sqlx::FromRow)]
pub(crate) struct Found {
    pub(crate) session_id: SessionId,
    pub(crate) subject_id: PrincipalId,
    pub(crate) last_seen_at: Timestamp,
    pub(crate) idle_expires_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) role: String,
    pub(crate) status: String,
    pub(crate) tenant_status: String,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum EndReason {
    SignedOut,
    /// Its holder signed in anew.
    Replaced,
}

/// Opens a session for a user who is active and whose password is still the one that was verified; says whether it did.
///
/// The credential is locked until the transaction ends. A password change that ends the user's sessions therefore either waits and
/// ends this one too, or comes first and is seen here.
pub(crate) async fn open(
    tx: &mut TenantTx,
    new: &NewSession<'_>,
    password_changed_at: Timestamp,
) -> Result<bool, DbError> {
    let inserted = sqlx::query(
        "insert into platform_auth.session
           (tenant_id, id, subject_id, token_hash, created_at, last_seen_at, idle_expires_at, expires_at, source_address, user_agent)
         select u.tenant_id, $2, u.id, $4, $5, $5, $6, $7, $8, $9
         from platform_auth.subject u
         join platform_auth.password_credential c on c.tenant_id = u.tenant_id and c.subject_id = u.id
         where u.tenant_id = $1 and u.id = $3 and u.status = 'active' and c.changed_at = $10
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
    .execute(&mut *tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// The session of a token, whatever state it is in.
pub(crate) async fn find(read: &mut TenantRead, token: &SessionToken) -> Result<Option<Found>, DbError> {
    let found = sqlx::query_as(
        "select s.id as session_id, s.subject_id, s.last_seen_at, s.idle_expires_at, s.expires_at, s.ended_at,
                u.role, u.status, t.status as tenant_status
         from platform_auth.session s
         join platform_auth.subject u on u.tenant_id = s.tenant_id and u.id = s.subject_id
         join platform_core.tenant t on t.id = s.tenant_id
         where s.tenant_id = $1 and s.token_hash = $2",
    )
    .bind(read.tenant())
    .bind(token.hash())
    .fetch_optional(&mut *read)
    .await?;
    Ok(found)
}

/// Notes that a session was used, unless that was noted a moment ago by somebody else or the session has ended meanwhile.
pub(crate) async fn touch(
    tx: &mut TenantTx,
    id: SessionId,
    lifetime: SessionConfig,
    now: Timestamp,
) -> Result<(), DbError> {
    sqlx::query(
        "update platform_auth.session set last_seen_at = $3, idle_expires_at = least($4, expires_at)
         where tenant_id = $1 and id = $2 and ended_at is null and last_seen_at <= $5 and idle_expires_at > $3",
    )
    .bind(tx.tenant())
    .bind(id)
    .bind(now)
    .bind(later(now, lifetime.idle))
    .bind(earlier(now, lifetime.touch_interval))
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Ends a session and names its user; `None` when it had ended already.
pub(crate) async fn end(
    tx: &mut TenantTx,
    id: SessionId,
    reason: EndReason,
    now: Timestamp,
) -> Result<Option<PrincipalId>, DbError> {
    let user = sqlx::query_scalar(
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
    Ok(user)
}

impl Found {
    /// A session holds up to the instant of its expiry, and not at it.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && now < self.idle_expires_at && now < self.expires_at
    }

    pub(crate) fn wants_touch(&self, lifetime: SessionConfig, now: Timestamp) -> bool {
        self.last_seen_at <= earlier(now, lifetime.touch_interval)
    }
}

impl EndReason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::Replaced => "replaced",
        }
    }
}

/// The longest that a configured length of time is taken for: past it lie dates that neither side can store.
const SPAN_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

fn later(at: Timestamp, by: Duration) -> Timestamp {
    at + by.min(SPAN_MAX)
}

fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    at - by.min(SPAN_MAX)
}
