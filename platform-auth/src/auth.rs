//! The handle to users and sessions.

use std::fmt;
use std::sync::{Arc, RwLock};

use platform_audit::AuditLog;
use platform_core::pg::{Db, DbError, Tenant, TenantStatus, TenantTx, Tenants};
use platform_core::{
    PermissionInfo, PermissionSet, Principal, PrincipalId, RequestContext, Sources, TenantId, Timestamp,
};
use platform_crypto::Keyring;

use crate::api_key::{self, KnownKeys, UsedKeys};
use crate::authz::{AuthorityCache, Catalogue};
use crate::credential_cache::Marks;
use crate::hasher::Hasher;
use crate::hosts::Lookups;
use crate::mail::MailQueue;
use crate::password::Policy;
use crate::refusals::Ledger;
use crate::reset::Requests;
use crate::role::CompiledRoles;
use crate::session::{self, EndReason, NewSession, Proof, Sessions};
use crate::tenant_policy::PolicyCache;
use crate::throttle::Throttle;
use crate::trail::Begun;
use crate::user::Account;
use crate::{AuthConfig, Fault, Role, SessionId, SessionToken, TenantRefused, User};

/// Users, sign-in and sessions of every tenant; cheap to clone.
#[derive(Clone)]
pub struct Auth {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) db: Db,
    pub(crate) tenants: Tenants,
    pub(crate) keys: Keyring,
    pub(crate) audit: AuditLog,
    pub(crate) sources: Sources,
    pub(crate) config: AuthConfig,
    pub(crate) hasher: Hasher,
    pub(crate) policy: Policy,
    pub(crate) throttle: Throttle,
    pub(crate) refusals: Ledger,
    /// Tenants with mail to send.
    pub(crate) mails: Arc<MailQueue>,
    /// What strangers ask for by mail.
    pub(crate) requests: Requests,
    /// Wrong codes of users.
    pub(crate) codes: Throttle,
    #[cfg(feature = "passkeys")]
    pub(crate) passkeys: Option<crate::passkey::Passkeys>,
    roles: CompiledRoles,
    pub(crate) catalogue: RwLock<Arc<Catalogue>>,
    pub(crate) authorities: AuthorityCache,
    pub(crate) api_keys: KnownKeys,
    /// About whom something has changed, so that what is remembered of sessions and keys counts no more.
    pub(crate) marks: Arc<Marks>,
    /// Whose use is not written down yet.
    pub(crate) used_keys: UsedKeys,
    /// What is remembered of sessions between requests.
    pub(crate) sessions: Sessions,
    /// What tenants ask of their users.
    pub(crate) policies: PolicyCache,
    /// Questions to the DNS.
    pub(crate) lookups: Lookups,
}

/// Somebody has signed in. The token is nowhere else: it cannot be shown again.
#[derive(Debug)]
pub struct SignedIn {
    /// What the client shows with every call.
    pub token: SessionToken,
    /// The session.
    pub session: SessionId,
    /// When the session ends, however much it is used.
    pub expires_at: Timestamp,
    /// Who signed in.
    pub user: User,
    /// Where.
    pub tenant: Tenant,
}

impl Auth {
    /// Users and sessions in this database, sealed under these keys. Opens no connection.
    pub fn new(db: &Db, keys: &Keyring, audit: &AuditLog, config: AuthConfig) -> Self {
        let sources = db.sources().clone();
        let hasher = Hasher::new(&config.passwords, sources.clone());
        let policy = Policy::new(&config.passwords);
        let throttle = Throttle::new(config.throttle);
        let refusals = Ledger::new(config.refusals);
        let requests = Requests::new(&config);
        let codes = Throttle::new(config.second_factor);
        #[cfg(feature = "passkeys")]
        let passkeys = config.passkeys.as_ref().map(crate::passkey::Passkeys::new);
        let roles = config.roles.compile();
        let marks = Arc::new(Marks::new());
        let sessions = Sessions::new(config.sessions, &marks);
        let mut catalogue = Catalogue::of_own();
        catalogue.extend(config.declared.iter().copied());
        catalogue.extend(config.roles.permissions().map(PermissionInfo::from));
        Self {
            inner: Arc::new(Inner {
                db: db.clone(),
                tenants: Tenants::new(db),
                keys: keys.clone(),
                audit: audit.clone(),
                sources,
                config,
                hasher,
                policy,
                throttle,
                refusals,
                mails: Arc::default(),
                requests,
                codes,
                #[cfg(feature = "passkeys")]
                passkeys,
                roles,
                catalogue: RwLock::new(Arc::new(catalogue)),
                authorities: AuthorityCache::new(),
                api_keys: api_key::new_cache(&marks),
                marks,
                used_keys: UsedKeys::default(),
                sessions,
                policies: PolicyCache::new(),
                lookups: Lookups::new(),
            }),
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("config", &self.inner.config)
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// A user with what the built-in role gives, and nothing that was granted beside it.
    pub(crate) fn principal(&self, tenant: TenantId, user: PrincipalId, role: Role) -> Principal {
        Principal::user(user, self.role_permissions(tenant, role))
    }

    /// What a built-in role gives in a tenant. The platform's own is the one where it may reach beyond it.
    pub(crate) fn role_permissions(&self, tenant: TenantId, role: Role) -> PermissionSet {
        match self.is_platform(tenant) {
            true => self.roles.of_platform(role),
            false => self.roles.permissions(role),
        }
    }

    /// Is it the tenant of the platform itself?
    pub(crate) fn is_platform(&self, tenant: TenantId) -> bool {
        self.config.platform_tenant == Some(tenant)
    }

    /// The tenant, if it takes requests. What the tenants above it ask is at hand from then on for a transaction, in which it cannot be
    /// read.
    pub(crate) async fn open_tenant(&self, id: TenantId) -> Result<Result<Tenant, TenantRefused>, Fault> {
        Ok(match self.tenants.by_id(id).await? {
            Some(tenant) if tenant.status == TenantStatus::Active => {
                if tenant.parent.is_some() {
                    self.required_of(id).await?;
                }
                Ok(tenant)
            }
            Some(_) => Err(TenantRefused::Suspended),
            None => Err(TenantRefused::Unknown),
        })
    }

    /// Opens a session for a user who has proved to be that, and ends the one under which the request came. `None` when the user has
    /// been disabled, the password changed or a second factor set up meanwhile.
    ///
    /// The context that comes back is the user's own, for the audit event.
    pub(crate) async fn open_session(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        account: Account,
        (proof, password_changed_at): (Proof, Timestamp),
    ) -> Result<Option<(Opened, RequestContext)>, Fault> {
        let now = self.sources.now();
        let lifetime = self.session_config(tx).await?;
        let token = SessionToken::generate(ctx.tenant(), &self.sources);
        let new = NewSession {
            id: SessionId::generate(&self.sources),
            user: account.id,
            token: &token,
            now,
            lifetime,
            meta: ctx.meta(),
            proof,
        };
        if session::hold_credential(tx, account.id).await?.is_none() {
            return Ok(None);
        }
        if !session::open(tx, &new, password_changed_at).await? {
            return Ok(None);
        }
        let replaced = match ctx.session().map(SessionId::from_stored) {
            Some(before) => self
                .sessions
                .end(tx, before, EndReason::Replaced, now)
                .await?
                .map(|_| before),
            None => None,
        };
        let (id, expires_at) = (new.id, new.expires_at());
        let principal = self.principal(ctx.tenant(), account.id, account.role);
        let of_user = RequestContext::authenticated(ctx.tenant(), principal, ctx.meta().clone())
            .in_session(id.as_uuid());
        Ok(Some((
            Opened {
                token,
                begun: Begun {
                    session: id,
                    replaced,
                },
                expires_at,
            },
            of_user,
        )))
    }
}

/// A session that has just been opened.
pub(crate) struct Opened {
    token: SessionToken,
    pub(crate) begun: Begun,
    expires_at: Timestamp,
}

impl Opened {
    /// Has it end when the session did from which its proof comes.
    pub(crate) async fn go_on_as_long(&mut self, tx: &mut TenantTx) -> Result<(), DbError> {
        if let Some(before) = self.begun.replaced {
            self.expires_at = session::cap(tx, self.begun.session, before).await?;
        }
        Ok(())
    }

    pub(crate) fn signed_in(self, user: User, tenant: Tenant) -> SignedIn {
        SignedIn {
            token: self.token,
            session: self.begun.session,
            expires_at: self.expires_at,
            user,
            tenant,
        }
    }
}
