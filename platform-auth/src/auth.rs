//! The handle to users and sessions.

use std::fmt;
use std::sync::Arc;

use platform_audit::AuditLog;
use platform_core::pg::{Db, DbError, Tenant, TenantStatus, TenantTx, Tenants};
use platform_core::{Principal, PrincipalId, RequestContext, Sources, TenantId, Timestamp};
use platform_crypto::Keyring;

use crate::hasher::Hasher;
use crate::role::CompiledRoles;
use crate::session::{self, EndReason, NewSession};
use crate::throttle::Throttle;
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
    pub(crate) throttle: Throttle,
    roles: CompiledRoles,
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
        let throttle = Throttle::new(config.throttle);
        let roles = config.roles.compile();
        Self {
            inner: Arc::new(Inner {
                db: db.clone(),
                tenants: Tenants::new(db),
                keys: keys.clone(),
                audit: audit.clone(),
                sources,
                config,
                hasher,
                throttle,
                roles,
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
    pub(crate) fn principal(&self, user: PrincipalId, role: Role) -> Principal {
        Principal::user(user, self.roles.permissions(role))
    }

    /// The tenant, if it takes requests.
    pub(crate) async fn open_tenant(&self, id: TenantId) -> Result<Result<Tenant, TenantRefused>, DbError> {
        Ok(match self.tenants.by_id(id).await? {
            Some(tenant) if tenant.status == TenantStatus::Active => Ok(tenant),
            Some(_) => Err(TenantRefused::Suspended),
            None => Err(TenantRefused::Unknown),
        })
    }

    /// Opens a session for a user whose password has been verified, and ends the one under which the request came. `None` when the
    /// user has been disabled or the password changed meanwhile.
    ///
    /// The context that comes back is the user's own, for the audit event.
    pub(crate) async fn open_session(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        account: Account,
        password_changed_at: Timestamp,
    ) -> Result<Option<(Opened, RequestContext)>, Fault> {
        let now = self.sources.now();
        let token = SessionToken::generate(ctx.tenant(), &self.sources);
        let new = NewSession {
            id: SessionId::generate(&self.sources),
            user: account.id,
            token: &token,
            now,
            lifetime: self.config.sessions,
            meta: ctx.meta(),
        };
        if !session::open(tx, &new, password_changed_at).await? {
            return Ok(None);
        }
        if let Some(before) = ctx.session() {
            session::end(tx, SessionId::from_stored(before), EndReason::Replaced, now).await?;
        }
        let (id, expires_at) = (new.id, new.expires_at());
        let principal = self.principal(account.id, account.role);
        let of_user = RequestContext::authenticated(ctx.tenant(), principal, ctx.meta().clone())
            .in_session(id.as_uuid());
        Ok(Some((
            Opened {
                token,
                id,
                expires_at,
            },
            of_user,
        )))
    }
}

/// A session that has just been opened.
pub(crate) struct Opened {
    token: SessionToken,
    id: SessionId,
    expires_at: Timestamp,
}

impl Opened {
    pub(crate) fn signed_in(self, user: User, tenant: Tenant) -> SignedIn {
        SignedIn {
            token: self.token,
            session: self.id,
            expires_at: self.expires_at,
            user,
            tenant,
        }
    }
}
