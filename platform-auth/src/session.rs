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
    pub(crate) proof: Proof,
}

/// How somebody proved to be a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    Password,
    PasswordAndCode,
    PasswordAndRecoveryCode,
    /// A passkey that its authenticator keeps on one device.
    DevicePasskey,
    /// A passkey that may be on several.
    SyncedPasskey,
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
    /// How often has it changed who may do what in the tenant? What was compiled at another version is stale.
    pub(crate) authz_version: i64,
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

/// The session of a token, whatever state it is in.
pub(crate) async fn find(read: &mut TenantRead, token: &SessionToken) -> Result<Option<Found>, DbError> {
    let found = sqlx::query_as(
        "select s.id as session_id, s.subject_id, s.last_seen_at, s.idle_expires_at, s.expires_at, s.ended_at,
                u.role, u.status, t.status as tenant_status, coalesce(a.version, 0) as authz_version
         from platform_auth.session s
         join platform_auth.subject u on u.tenant_id = s.tenant_id and u.id = s.subject_id
         join platform_core.tenant t on t.id = s.tenant_id
         left join platform_auth.authz_version a on a.tenant_id = s.tenant_id
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

/// Ends every session of a user but one, and says how many.
pub(crate) async fn end_others(
    tx: &mut TenantTx,
    user: PrincipalId,
    kept: Option<SessionId>,
    reason: EndReason,
    now: Timestamp,
) -> Result<u64, DbError> {
    let ended = sqlx::query(
        "update platform_auth.session set ended_at = $4, end_reason = $5
         where tenant_id = $1 and subject_id = $2 and ended_at is null and id is distinct from $3",
    )
    .bind(tx.tenant())
    .bind(user)
    .bind(kept)
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

impl Proof {
    /// As RFC 8176 names them; `rcv` is ours. Whether the key of a passkey is kept by hardware is what the authenticator says of itself.
    /// It has verified its user, so that it is two factors.
    pub(crate) const fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Password => &["pwd"],
            Self::PasswordAndCode => &["pwd", "otp"],
            Self::PasswordAndRecoveryCode => &["pwd", "rcv"],
            Self::DevicePasskey => &["hwk", "user", "mfa"],
            Self::SyncedPasskey => &["swk", "user", "mfa"],
        }
    }

    fn of(methods: &[String]) -> Self {
        let has = |wanted: &str| methods.iter().any(|method| method == wanted);
        if has("hwk") {
            return Self::DevicePasskey;
        }
        if has("swk") {
            return Self::SyncedPasskey;
        }
        match (has("otp"), has("rcv")) {
            (true, _) => Self::PasswordAndCode,
            (false, true) => Self::PasswordAndRecoveryCode,
            (false, false) => Self::Password,
        }
    }
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
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::FactorChanged => "factor_changed",
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
