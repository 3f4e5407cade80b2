//! Asking the database about a session: one question, with what was granted to its user where that is not known yet.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use platform_core::pg::DbError;
use platform_core::{PrincipalId, RequestContext, RequestMeta, Timestamp};

use super::cache::{KnownSession, Seen};
use crate::auth::Inner;
use crate::authz::{GrantRow, HeldBy, ROWS_MAX, found_with_grants};
use crate::credential_cache::{CredentialKey, Remembered};
use crate::tenant_policy::Required;
use crate::{AuthenticateError, Fault, Role, SecondFactorRule, SessionId, UserStatus};

/// The session of a token, whatever state it is in, and what was granted to its user unless the version of the tenant is `$5`.
const SESSION: &str = found_with_grants!(
    "select s.id as session_id, s.subject_id, s.last_seen_at, s.idle_expires_at, s.expires_at, s.ended_at, s.amr,
          coalesce(s.auth_time, s.created_at) as auth_time, u.role, u.status, t.status as tenant_status,
          coalesce(a.version, 0) as version, p.second_factor, p.session_idle_s
     from platform_auth.session s
     join platform_auth.subject u on u.tenant_id = s.tenant_id and u.id = s.subject_id
     join platform_core.tenant t on t.id = s.tenant_id
     left join platform_auth.authz_version a on a.tenant_id = s.tenant_id
     left join platform_auth.tenant_policy p on p.tenant_id = s.tenant_id
     where s.tenant_id = $1 and s.token_hash = $2",
    ended: "ended_at",
    columns: "f.session_id, f.subject_id, f.last_seen_at, f.idle_expires_at, f.expires_at, f.ended_at, f.amr, f.auth_time,
              f.role, f.status, f.tenant_status, f.second_factor, f.session_idle_s"
);

/// The session, or something that was granted.
#[derive(sqlx::FromRow)]
struct Row {
    session_id: Option<SessionId>,
    subject_id: Option<PrincipalId>,
    last_seen_at: Option<Timestamp>,
    idle_expires_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    amr: Option<Vec<String>>,
    auth_time: Option<Timestamp>,
    role: Option<String>,
    status: Option<String>,
    tenant_status: Option<String>,
    second_factor: Option<String>,
    session_idle_s: Option<i32>,
    #[sqlx(flatten)]
    granted: GrantRow,
}

impl Inner {
    /// What holds of a session now: from memory where that is young enough, or by one question, which requests that want to know the same
    /// share. `None` when there is none, it is over, or its user is disabled.
    pub(crate) async fn session(
        &self,
        key: CredentialKey,
        meta: &RequestMeta,
    ) -> Result<Option<Arc<Remembered<KnownSession>>>, AuthenticateError> {
        let (known, now) = (&self.sessions.known, self.sources.now());
        Ok(known.get(key, now, self.ask_session(key, meta)).await?)
    }

    async fn ask_session(
        &self,
        key: CredentialKey,
        meta: &RequestMeta,
    ) -> Result<Option<KnownSession>, Fault> {
        let before = self.sessions.known.last_known(&key);
        // Nobody yet: the tenant is only claimed, and its rows are looked into for this one hash.
        let unknown = RequestContext::anonymous(key.tenant, meta.clone());
        let mut read = self.db.read(&unknown).await?;
        let rows: Vec<Row> = sqlx::query_as(SESSION)
            .bind(key.tenant)
            .bind(key.hash)
            .bind(self.sources.now())
            .bind(ROWS_MAX)
            .bind(before.as_ref().map_or(-1, |known| known.version))
            .fetch_all(&mut read)
            .await
            .map_err(DbError::from)?;
        // Ends in the background: the request does not wait another round trip for a transaction that only read.
        drop(read);

        let (found, granted): (Vec<Row>, Vec<Row>) =
            rows.into_iter().partition(|row| row.session_id.is_some());
        match found.into_iter().find_map(Found::of) {
            Some(found) => {
                // On the heap, so that requests whose session is remembered do not carry it along.
                let required = Box::pin(self.required_of(key.tenant)).await?;
                let found = found.under(&required);
                self.judged(key, found, granted, before.as_deref())
            }
            None => Ok(None),
        }
    }

    fn judged(
        &self,
        key: CredentialKey,
        found: Found,
        granted: Vec<Row>,
        before: Option<&Remembered<KnownSession>>,
    ) -> Result<Option<KnownSession>, Fault> {
        let Ok(role) = found.role.parse::<Role>() else {
            return Ok(None);
        };
        if found.ended || !found.active {
            return Ok(None);
        }
        let held_by = HeldBy {
            tenant: key.tenant,
            principal: found.user,
            version: found.version,
        };
        let rows = granted.into_iter().map(|row| row.granted).collect();
        let granted = self.granted(held_by, before.map(|known| (known.version, &known.granted)), rows)?;
        let known = KnownSession {
            tenant: key.tenant,
            tenant_is_active: found.tenant_active,
            session: found.session,
            user: found.user,
            permissions: self.role_permissions(key.tenant, role),
            rule: found.rule,
            lifetime: self.config.sessions.within(found.idle, None),
            granted,
            version: found.version,
            methods: found.methods,
            auth_time: found.auth_time,
            expires_at: found.expires_at,
            seen: Mutex::new(found.seen),
        };
        Ok(known.is_live(self.sources.now()).then_some(known))
    }
}

/// The session of a token.
struct Found {
    session: SessionId,
    user: PrincipalId,
    role: String,
    active: bool,
    tenant_active: bool,
    ended: bool,
    version: i64,
    methods: Arc<[Box<str>]>,
    auth_time: Timestamp,
    expires_at: Timestamp,
    seen: Seen,
    rule: SecondFactorRule,
    idle: Option<Duration>,
}

impl Found {
    /// The same, where the tenants above ask for no less than this.
    fn under(self, above: &Required) -> Self {
        Self {
            rule: self.rule.max(above.second_factor()),
            idle: above.idle(self.idle),
            ..self
        }
    }

    /// `None` for a row that is something else.
    fn of(row: Row) -> Option<Self> {
        let methods = row.amr?.into_iter().map(String::into_boxed_str).collect();
        Some(Self {
            session: row.session_id?,
            user: row.subject_id?,
            role: row.role?,
            active: UserStatus::of_stored(&row.status?) == UserStatus::Active,
            tenant_active: row.tenant_status? == "active",
            ended: row.ended_at.is_some(),
            version: row.granted.version?,
            methods,
            rule: SecondFactorRule::of_stored(row.second_factor.as_deref()),
            idle: row
                .session_idle_s
                .and_then(|s| u64::try_from(s).ok())
                .map(Duration::from_secs),
            auth_time: row.auth_time?,
            expires_at: row.expires_at?,
            seen: Seen {
                last: row.last_seen_at?,
                idle_expires_at: row.idle_expires_at?,
            },
        })
    }
}
