//! What is remembered of sessions between requests.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use platform_core::{
    Authentication, Authority, Granted, PermissionSet, Principal, PrincipalId, RequestContext, RequestMeta,
    TenantId, Timestamp,
};

use super::metrics::SessionMetrics;
use super::stored::earlier;
use super::touch::Touches;
use crate::credential_cache::{Credential, CredentialCache, CredentialKey, Marks};
use crate::{SecondFactorRule, SessionConfig, SessionId, SessionToken};

/// How many sessions and entries of grants are kept in all. What has not been used for the longest goes first.
const ENTRIES_MAX: u64 = 400_000;

/// The oldest that anything remembered may be, whatever is configured.
const AGE_MAX: Duration = Duration::from_secs(5);

/// A session as the database had it at an instant, of a user who was active.
#[derive(Debug)]
pub(crate) struct KnownSession {
    pub(super) tenant: TenantId,
    pub(super) tenant_is_active: bool,
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
}

/// The last use of a session that was written down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) last: Timestamp,
    pub(super) idle_expires_at: Timestamp,
}

/// What this instance knows of sessions.
#[derive(Debug)]
pub(crate) struct Sessions {
    pub(crate) known: CredentialCache<KnownSession>,
    pub(super) marks: Arc<Marks>,
    pub(super) touches: Touches,
    pub(crate) metrics: SessionMetrics,
}

impl Sessions {
    pub(crate) fn new(config: SessionConfig, marks: &Arc<Marks>) -> Self {
        Self {
            known: CredentialCache::new(ENTRIES_MAX, config.cache_age.min(AGE_MAX), marks),
            marks: Arc::clone(marks),
            touches: Touches::default(),
            metrics: SessionMetrics::default(),
        }
    }
}

impl SessionToken {
    /// By what the session is found.
    pub(crate) fn key(&self) -> CredentialKey {
        CredentialKey {
            tenant: self.tenant(),
            hash: self.hash(),
        }
    }
}

impl Credential for KnownSession {
    fn owner(&self) -> PrincipalId {
        self.user
    }

    fn weight(&self) -> u32 {
        u32::try_from(self.granted.size() + 1).unwrap_or(u32::MAX)
    }

    /// One that seems to be over may have been used at another instance: the database is asked.
    fn may_be_kept(&self, now: Timestamp) -> bool {
        self.tenant_is_active && self.is_live(now)
    }
}

impl KnownSession {
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

    /// Is its tenant neither suspended nor closed?
    pub(crate) fn is_of_active_tenant(&self) -> bool {
        self.tenant_is_active
    }

    /// Who asks, and what they may do at this instant.
    pub(crate) fn context(&self, meta: &RequestMeta, now: Timestamp) -> RequestContext {
        let authority = Authority::new(self.permissions.clone()).with(self.granted.clone(), now);
        let (authority, withheld) = self.rule.applied(authority, self.methods.len());
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
