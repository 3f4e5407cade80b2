//! Asking the database about a session: one question, with what was granted to its user where that is not known yet.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use platform_core::pg::DbError;
use platform_core::{Granted, PrincipalId, RequestContext, RequestMeta, Timestamp};

use super::cache::{Key, Known, Seen};
use super::flight::{Enter, told};
use super::marks::Slot;
use crate::auth::Inner;
use crate::authz::{Compiled, GrantRow, ROWS_MAX, held_by, held_rows};
use crate::tenant_policy::Required;
use crate::{AuthenticateError, Fault, Role, SecondFactorRule, SessionId, UserStatus};

/// How often a question of somebody else is waited for, before one of one's own is asked. An answer to the second was asked for later than
/// the request came.
const SHARED_MAX: usize = 2;

/// The session of a token, whatever state it is in, and what was granted to its user unless the version of the tenant is `$5`.
const SESSION: &str = concat!(
    "with recursive found as (
       select s.id as session_id, s.subject_id, s.last_seen_at, s.idle_expires_at, s.expires_at, s.ended_at, s.amr,
              coalesce(s.auth_time, s.created_at) as auth_time, u.role, u.status, t.status as tenant_status,
              coalesce(a.version, 0) as version, p.second_factor, p.session_idle_s
       from platform_auth.session s
       join platform_auth.subject u on u.tenant_id = s.tenant_id and u.id = s.subject_id
       join platform_core.tenant t on t.id = s.tenant_id
       left join platform_auth.authz_version a on a.tenant_id = s.tenant_id
       left join platform_auth.tenant_policy p on p.tenant_id = s.tenant_id
       where s.tenant_id = $1 and s.token_hash = $2
     ),
     wanted as (select subject_id from found where version > 0 and version <> $5 and ended_at is null),
     ",
    held_by!(
        "select m.group_id, 1 from platform_auth.group_member m
         where m.tenant_id = $1 and m.member_subject_id = (select subject_id from wanted)",
        "g.subject_id = (select subject_id from wanted)"
    ),
    "select f.session_id, f.subject_id, f.last_seen_at, f.idle_expires_at, f.expires_at, f.ended_at, f.amr, f.auth_time,
            f.role, f.status, f.tenant_status, f.second_factor, f.session_idle_s,
            f.version, null::uuid as role_id, null::text as builtin_role, null::text as resource_kind, null::text as resource_id,
            null::timestamptz as valid_from, null::timestamptz as valid_until, null::text[] as permissions
     from found f
     union all
     select null, null, null, null, null, null, null, null, null, null, null, null, null, h.*
     from (",
    held_rows!(),
    ") h"
);

/// What a question about a session came to.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// It is live.
    Live(Arc<Known>),
    /// It is, and its tenant is suspended.
    Suspended(Arc<Known>),
    /// There is none, it is over, or its user is disabled.
    Refused,
    /// Nobody knows: the database failed whoever asked.
    Failed,
}

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
    /// share.
    pub(crate) async fn session(&self, key: Key, meta: &RequestMeta) -> Result<Outcome, AuthenticateError> {
        let sessions = &self.sessions;
        if let Some(known) = sessions.fresh(&key, self.sources.now()) {
            sessions.metrics.remembered.inc();
            return Ok(Outcome::Live(known));
        }
        // Where every request asks, every request asks for itself.
        let shared_max = if sessions.remember() { SHARED_MAX } else { 0 };
        for _ in 0..shared_max {
            match sessions.flights.enter(key) {
                Enter::Lead(lead) => {
                    let asked = self.ask(key, meta).await;
                    lead.answer(match &asked {
                        Ok(outcome) => outcome.clone(),
                        Err(_) => Outcome::Failed,
                    });
                    return asked;
                }
                Enter::Follow(flight) => match told(flight).await {
                    Some(Outcome::Failed) => return Err(AuthenticateError::Fault(Fault::Shared)),
                    Some(outcome) if outcome.still_holds(self) => {
                        sessions.metrics.shared.inc();
                        return Ok(outcome);
                    }
                    // Something has changed since it was asked, or whoever asked went away.
                    _ => {}
                },
            }
        }
        self.ask(key, meta).await
    }

    async fn ask(&self, key: Key, meta: &RequestMeta) -> Result<Outcome, AuthenticateError> {
        self.sessions.metrics.asked.inc();
        // Before the question: whatever changes from now on makes the answer out of date.
        let (asked_at, turn) = (self.sources.now(), self.sessions.turn());
        let before = self.sessions.last_known(&key);
        // Nobody yet: the tenant is only claimed, and its rows are looked into for this one hash.
        let unknown = RequestContext::anonymous(key.tenant, meta.clone());
        let mut read = self.db.read(&unknown).await?;
        let rows: Vec<Row> = sqlx::query_as(SESSION)
            .bind(key.tenant)
            .bind(key.hash)
            .bind(asked_at)
            .bind(ROWS_MAX)
            .bind(before.as_ref().map_or(-1, |known| known.version))
            .fetch_all(&mut read)
            .await
            .map_err(DbError::from)?;
        // Ends in the background: the request does not wait another round trip for a transaction that only read.
        drop(read);

        let (found, granted): (Vec<Row>, Vec<Row>) =
            rows.into_iter().partition(|row| row.session_id.is_some());
        let outcome = match found.into_iter().find_map(Found::of) {
            Some(found) => {
                let found = found.under(&self.required_of(key.tenant).await?);
                self.judged(key, found, granted, (before, asked_at, turn))?
            }
            None => Outcome::Refused,
        };
        match &outcome {
            Outcome::Live(known) => self.sessions.put(key, Arc::clone(known)),
            _ => self.sessions.drop_key(&key),
        }
        Ok(outcome)
    }

    fn judged(
        &self,
        key: Key,
        found: Found,
        granted: Vec<Row>,
        (before, asked_at, turn): (Option<Arc<Known>>, Timestamp, u64),
    ) -> Result<Outcome, Fault> {
        let Ok(role) = found.role.parse::<Role>() else {
            return Ok(Outcome::Refused);
        };
        if found.ended || !found.active {
            return Ok(Outcome::Refused);
        }
        let granted = match before {
            _ if found.version == 0 => Granted::default(),
            Some(known) if known.version == found.version => known.granted.clone(),
            _ => self.compiled(&key, &found, granted)?,
        };
        let known = Known {
            tenant: key.tenant,
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
            asked_at,
            turn,
            slots: [Slot::of(found.user.as_uuid()), Slot::of(key.tenant.as_uuid())],
        };
        if !known.is_live(self.sources.now()) {
            return Ok(Outcome::Refused);
        }
        let known = Arc::new(known);
        Ok(match found.tenant_active {
            true => Outcome::Live(known),
            false => Outcome::Suspended(known),
        })
    }

    /// What came with the session, or the same as another session of the user has it already.
    fn compiled(&self, key: &Key, found: &Found, rows: Vec<Row>) -> Result<Granted, Fault> {
        if let Some(compiled) = self.authorities.get(key.tenant, found.user, found.version) {
            return compiled.decidable();
        }
        let rows = rows.into_iter().map(|row| row.granted).collect();
        let compiled = Compiled {
            version: found.version,
            granted: self.holdings(key.tenant, rows).map(Granted::new),
        };
        self.authorities.put(key.tenant, found.user, compiled.clone());
        compiled.decidable()
    }
}

impl Outcome {
    /// Is it still what the database would say, as far as is known? What is over stays over.
    fn still_holds(&self, inner: &Inner) -> bool {
        match self {
            Self::Live(known) | Self::Suspended(known) => inner.sessions.is_quiet(known),
            Self::Refused | Self::Failed => true,
        }
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
