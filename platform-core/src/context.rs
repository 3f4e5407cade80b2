//! Who asks, for which tenant, and why.

use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

use crate::{
    Authentication, Authority, Permission, PermissionSet, PrincipalId, RequestId, Sources, TenantId,
    Timestamp, TraceContext,
};

/// What sort of principal acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// Nobody has signed in: registration, sign-in, public routes.
    Anonymous,
    /// A person.
    User,
    /// Another program with its own credential.
    Service,
    /// A job of this program, acting for a stated reason.
    System,
}

impl PrincipalKind {
    /// The word that is stored and logged.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::User => "user",
            Self::Service => "service",
            Self::System => "system",
        }
    }
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    kind: PrincipalKind,
    id: Option<PrincipalId>,
    authority: Authority,
}

impl Principal {
    /// A person who has signed in.
    pub fn user(id: PrincipalId, permissions: PermissionSet) -> Self {
        Self {
            kind: PrincipalKind::User,
            id: Some(id),
            authority: Authority::new(permissions),
        }
    }

    /// A program that has shown its credential.
    pub fn service(id: PrincipalId, permissions: PermissionSet) -> Self {
        Self {
            kind: PrincipalKind::Service,
            id: Some(id),
            authority: Authority::new(permissions),
        }
    }

    /// What sort of principal this is.
    pub fn kind(&self) -> PrincipalKind {
        self.kind
    }

    /// Its id; an anonymous caller and a system job have none.
    pub fn id(&self) -> Option<PrincipalId> {
        self.id
    }

    /// The same principal, which may do what the authority says instead.
    #[must_use]
    pub fn with_authority(self, authority: Authority) -> Self {
        Self { authority, ..self }
    }

    /// What it may do.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// What it may do everywhere in the tenant and always; there may be more, which only [`authority`](Self::authority) knows.
    pub fn permissions(&self) -> &PermissionSet {
        self.authority.always()
    }
}

/// What is known of a request before anybody is authenticated. The HTTP stack makes one for each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestMeta {
    /// Names the request in logs, problem documents and audit events.
    pub request_id: RequestId,
    /// The trace the request belongs to.
    pub trace: TraceContext,
    /// When the answer is worthless; waits do not go past it.
    pub deadline: Option<Timestamp>,
    /// The client's `Idempotency-Key`.
    pub idempotency_key: Option<IdempotencyKey>,
    /// Where the request came from, after trusted proxies.
    pub source_address: Option<IpAddr>,
    /// The client's `User-Agent`, at most 256 characters.
    pub user_agent: Option<String>,
}

impl RequestMeta {
    /// Metadata of a piece of work that no client asked for.
    pub fn internal(sources: &Sources) -> Self {
        Self {
            request_id: RequestId::generate(sources),
            trace: TraceContext::root(sources),
            deadline: None,
            idempotency_key: None,
            source_address: None,
            user_agent: None,
        }
    }
}

/// A client's name for an operation that must happen once: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct IdempotencyKey(Arc<str>);

/// An `Idempotency-Key` is not 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key is 1 to 255 visible ASCII characters")]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    /// Checks and keeps a key.
    ///
    /// # Errors
    /// [`InvalidIdempotencyKey`] when it is empty, longer than 255 characters or holds anything but visible ASCII.
    pub fn parse(text: &str) -> Result<Self, InvalidIdempotencyKey> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > 255 || !visible {
            return Err(InvalidIdempotencyKey);
        }
        Ok(Self(text.into()))
    }

    /// The key as the client sent it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The caller lacks a permission, or has it withheld until more than a password is shown.
///
/// ```
/// use platform_core::{Forbidden, Permission};
///
/// let forbidden = Forbidden::new(Permission::new("orders:place"));
/// assert_eq!(forbidden.to_string(), "the permission orders:place is needed");
/// assert!(!forbidden.is_until_second_factor());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the permission {} is needed", .permission.name())]
pub struct Forbidden {
    permission: Permission,
    until_second_factor: bool,
}

impl Forbidden {
    /// The caller does not have this permission. The HTTP stack answers 403 `forbidden`.
    pub const fn new(permission: Permission) -> Self {
        Self {
            permission,
            until_second_factor: false,
        }
    }

    /// The caller has this permission as soon as a second factor is shown. The HTTP stack answers 403 `second_factor_required`.
    pub const fn until_second_factor(permission: Permission) -> Self {
        Self {
            permission,
            until_second_factor: true,
        }
    }

    /// The permission that is needed.
    pub const fn permission(&self) -> Permission {
        self.permission
    }

    /// Would a second factor be enough?
    pub const fn is_until_second_factor(&self) -> bool {
        self.until_second_factor
    }
}

/// Who asks, for which tenant, and why: the first argument of every operation.
///
/// Its fields are private. Authentication builds one for a request with [`RequestContext::authenticated`]; a public route works
/// under [`RequestContext::anonymous`]; a job of the program names its reason in [`RequestContext::system`].
///
/// ```
/// use platform_core::{PrincipalKind, RequestContext, Sources, TenantId};
///
/// let sources = Sources::system();
/// let tenant = TenantId::generate(&sources);
/// let ctx = RequestContext::system(tenant, "expire day orders", &sources);
/// assert_eq!(ctx.tenant(), tenant);
/// assert_eq!(ctx.principal().kind(), PrincipalKind::System);
/// assert_eq!(ctx.reason(), Some("expire day orders"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestContext {
    tenant: TenantId,
    principal: Principal,
    on_behalf_of: Option<Principal>,
    session: Option<uuid::Uuid>,
    api_key: Option<uuid::Uuid>,
    pub(crate) authentication: Option<Authentication>,
    withheld: Option<Authority>,
    reason: Option<&'static str>,
    meta: RequestMeta,
}

impl RequestContext {
    /// The context of a caller whose credential has been verified. Only authentication calls this.
    pub fn authenticated(tenant: TenantId, principal: Principal, meta: RequestMeta) -> Self {
        Self {
            tenant,
            principal,
            on_behalf_of: None,
            session: None,
            api_key: None,
            authentication: None,
            withheld: None,
            reason: None,
            meta,
        }
    }

    /// The context of a caller who has not signed in, on a route of this tenant that is public.
    pub fn anonymous(tenant: TenantId, meta: RequestMeta) -> Self {
        let principal = Principal {
            kind: PrincipalKind::Anonymous,
            id: None,
            authority: Authority::default(),
        };
        Self {
            tenant,
            principal,
            on_behalf_of: None,
            session: None,
            api_key: None,
            authentication: None,
            withheld: None,
            reason: None,
            meta,
        }
    }

    /// The context of a job of this program. `reason` is recorded with everything it does.
    pub fn system(tenant: TenantId, reason: &'static str, sources: &Sources) -> Self {
        let principal = Principal {
            kind: PrincipalKind::System,
            id: None,
            authority: Authority::default(),
        };
        let meta = RequestMeta::internal(sources);
        Self {
            tenant,
            principal,
            on_behalf_of: None,
            session: None,
            api_key: None,
            authentication: None,
            withheld: None,
            reason: Some(reason),
            meta,
        }
    }

    /// The same context, acting for somebody else.
    #[must_use]
    pub fn on_behalf_of(mut self, principal: Principal) -> Self {
        self.on_behalf_of = Some(principal);
        self
    }

    /// The same context, in the request that brought it about: a job that somebody waits for is found under the id of the request.
    #[must_use]
    pub fn in_request(mut self, meta: RequestMeta) -> Self {
        self.meta = meta;
        self
    }

    /// The same context, bound to the session whose credential was shown.
    #[must_use]
    pub fn in_session(mut self, session: uuid::Uuid) -> Self {
        self.session = Some(session);
        self
    }

    /// The same context, under the API key that was shown.
    #[must_use]
    pub fn with_api_key(mut self, key: uuid::Uuid) -> Self {
        self.api_key = Some(key);
        self
    }

    /// The same context, of a caller who would have this authority too after a second factor. It decides nothing but how the caller is
    /// refused: [`Forbidden::is_until_second_factor`].
    #[must_use]
    pub fn withholding(mut self, authority: Authority) -> Self {
        self.withheld = Some(authority);
        self
    }

    /// The tenant whose rows the operation may touch.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Who acts.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// For whom the principal acts, if for somebody else.
    pub fn acts_for(&self) -> Option<&Principal> {
        self.on_behalf_of.as_ref()
    }

    /// The session whose credential was shown.
    pub fn session(&self) -> Option<uuid::Uuid> {
        self.session
    }

    /// The API key that was shown. A request under one is in no session.
    pub fn api_key(&self) -> Option<uuid::Uuid> {
        self.api_key
    }

    /// Why a system job acts.
    pub fn reason(&self) -> Option<&'static str> {
        self.reason
    }

    /// The request's id, trace, deadline and origin.
    pub fn meta(&self) -> &RequestMeta {
        &self.meta
    }

    /// Checks that the principal holds a permission in the whole tenant, at the instant at which it was authenticated. A system job holds
    /// every one. For a permission on one resource there is [`authorize`](Self::authorize).
    ///
    /// # Errors
    /// [`Forbidden`] names the permission, and says whether a second factor would be enough; the HTTP stack answers 403.
    pub fn require(&self, permission: Permission) -> Result<(), Forbidden> {
        if self.is_system() || self.principal.authority.holds(permission) {
            return Ok(());
        }
        let holds = |withheld: &Authority| withheld.holds(permission);
        Err(match self.withheld.as_ref().is_some_and(holds) {
            true => Forbidden::until_second_factor(permission),
            false => Forbidden::new(permission),
        })
    }

    /// What the caller would have too after a second factor.
    pub(crate) fn withheld(&self) -> Option<&Authority> {
        self.withheld.as_ref()
    }

    /// Is it a job of this program?
    pub(crate) fn is_system(&self) -> bool {
        self.principal.kind == PrincipalKind::System
    }
}
