//! What is remembered of sessions between requests.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use platform_core::pg::{TenantTx, TxEnd};
use platform_core::uuid::Uuid;
use platform_core::{
    Authentication, Authority, Granted, PermissionSet, Principal, PrincipalId, RequestContext, RequestMeta,
    TenantId, Timestamp,
};

use super::flight::Flights;
use super::marks::{Marks, Slot};
use super::metrics::SessionMetrics;
use super::stored::earlier;
use super::touch::Touches;
use crate::{SecondFactorRule, SessionConfig, SessionId, SessionToken};

/// How many sessions and entries of grants are kept in all. What has not been used for the longest goes first.
const ENTRIES_MAX: u64 = 400_000;

/// What nobody has used for so long is forgotten.
const IDLE_MAX: Duration = Duration::from_secs(5 * 60);

/// The oldest that anything remembered may be, whatever is configured.
const AGE_MAX: Duration = Duration::from_secs(5);

/// By what a session is found: never by its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(super) tenant: TenantId,
    pub(super) hash: [u8; 32],
}

impl Key {
    pub(crate) fn of(token: &SessionToken) -> Self {
        Self {
            tenant: token.tenant(),
            hash: token.hash(),
        }
    }
}

/// A session as the database had it at an instant, of a user who was active in a tenant that was.
#[derive(Debug)]
pub(crate) struct Known {
    pub(super) tenant: TenantId,
    pub(super) session: SessionId,
    pub(super) user: PrincipalId,
    pub(super) permissions: PermissionSet,
    /// Who has to have proved more than to know a password.
    pub(super) rule: SecondFactorRule,
    /// How long the tenant lets it last.
    pub(super) lifetime: SessionConfig,
    pub(super) granted: Granted,
    /// Of which version of the tenant that is.
    pub(super) version: i64,
    pub(super) methods: Arc<[Box<str>]>,
    pub(super) auth_time: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) seen: Mutex<Seen>,
    /// When the question was asked to which this is the answer.
    pub(super) asked_at: Timestamp,
    pub(super) turn: u64,
    pub(super) slots: [Slot; 2],
}

/// The last use of a session that was written down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) last: Timestamp,
    pub(super) idle_expires_at: Timestamp,
}

/// What this instance knows of sessions.
pub(crate) struct Sessions {
    known: Cache<Key, Arc<Known>>,
    marks: Arc<Marks>,
    age_max: Duration,
    pub(super) flights: Flights,
    pub(super) touches: Touches,
    pub(crate) metrics: SessionMetrics,
}

impl Sessions {
    pub(crate) fn new(config: SessionConfig) -> Self {
        let weight =
            |_: &Key, known: &Arc<Known>| u32::try_from(known.granted.size() + 1).unwrap_or(u32::MAX);
        let known = Cache::builder()
            .max_capacity(ENTRIES_MAX)
            .time_to_idle(IDLE_MAX)
            .weigher(weight)
            .build();
        Self {
            known,
            marks: Arc::new(Marks::new()),
            age_max: config.cache_age.min(AGE_MAX),
            flights: Flights::default(),
            touches: Touches::default(),
            metrics: SessionMetrics::default(),
        }
    }

    /// Does anything count that is remembered?
    pub(crate) fn remember(&self) -> bool {
        !self.age_max.is_zero()
    }

    /// What is remembered of a session, however old.
    pub(super) fn last_known(&self, key: &Key) -> Option<Arc<Known>> {
        self.known.get(key)
    }

    /// What is remembered of a session that is live, if it is young enough and nothing about it has changed since. One that seems to be
    /// over may have been used at another instance: the database is asked.
    pub(super) fn fresh(&self, key: &Key, now: Timestamp) -> Option<Arc<Known>> {
        let known = self.known.get(key)?;
        (self.is_fresh(&known, now) && known.is_live(now)).then_some(known)
    }

    /// A clock that was set back makes nothing younger.
    pub(super) fn is_fresh(&self, known: &Known, now: Timestamp) -> bool {
        let is_young = known.asked_at <= now && now - known.asked_at < self.age_max;
        is_young && self.is_quiet(known)
    }

    /// Has nothing about it changed, as far as is known, since the question was asked?
    pub(super) fn is_quiet(&self, known: &Known) -> bool {
        self.marks.are_quiet_since(known.turn, known.slots)
    }

    /// To be taken before the database is asked.
    pub(super) fn turn(&self) -> u64 {
        self.marks.turn()
    }

    pub(super) fn put(&self, key: Key, known: Arc<Known>) {
        self.known.insert(key, known);
    }

    pub(super) fn drop_key(&self, key: &Key) {
        self.known.invalidate(key);
    }

    /// Something about a user or a tenant has changed.
    pub(super) fn forget(&self, id: Uuid) {
        self.marks.mark(id);
    }

    /// Messages may have been missed.
    pub(super) fn forget_everything(&self) {
        self.marks.mark_everything();
    }

    /// The permissions that there are have changed: nothing that was compiled is used again.
    #[cfg(feature = "http")]
    pub(crate) fn clear(&self) {
        self.marks.mark_everything();
        self.known.invalidate_all();
    }

    /// Has this instance ask anew about a user or a tenant as soon as the change that the transaction makes is durable: before its commit
    /// has answered. The other instances are told by the database.
    pub(crate) fn forget_after(&self, tx: &mut TenantTx, id: Uuid) {
        let marks = Arc::clone(&self.marks);
        tx.on_end(move |end| {
            if end != TxEnd::RolledBack {
                marks.mark(id);
            }
        });
    }
}

impl Known {
    /// A session holds up to the instant of its expiry, and not at it.
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        now < self.seen().idle_expires_at && now < self.expires_at
    }

    pub(super) fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_seen(&self, seen: Seen) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }

    pub(super) fn wants_touch(&self, now: Timestamp) -> bool {
        self.seen().last <= earlier(now, self.lifetime.touch_interval)
    }

    /// Who asks, and what they may do at this instant.
    pub(crate) fn context(&self, meta: &RequestMeta, now: Timestamp) -> RequestContext {
        let authority = Authority::new(self.permissions.clone()).with(self.granted.clone(), now);
        // Somebody has signed in, and may set the second factor up. Nothing else is allowed before.
        let (authority, withheld) = match self.methods.len() > 1 || self.rule.lets(&authority) {
            true => (authority, None),
            false => (Authority::default(), Some(authority)),
        };
        let principal = Principal::user(self.user, PermissionSet::default()).with_authority(authority);
        let authentication = Authentication::new(self.auth_time, Arc::clone(&self.methods), now);
        let ctx = RequestContext::authenticated(self.tenant, principal, meta.clone())
            .in_session(self.session.as_uuid())
            .with_authentication(authentication);
        match withheld {
            Some(withheld) => ctx.withholding(withheld),
            None => ctx,
        }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}
