//! Somebody who has signed in, without a database.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use axum::http::header;
use axum::http::request::Parts;
use platform_core::http::{AuthOutcome, Authenticate, Problem};
use platform_core::{
    Authority, Granted, Holding, OwnedResource, Permission, PermissionSet, Principal, PrincipalId,
    RequestContext, RequestMeta, Resource, Sources, TenantId, Timestamp, Window,
};

use crate::SessionId;

/// A user or a service of a tenant, with the permissions that a test needs.
///
/// ```
/// use platform_auth::testing::FakeIdentity;
/// use platform_core::{Permission, PrincipalId, Resource, Sources, TenantId};
///
/// const READ: Permission = Permission::new("parcels:read");
/// const OPEN: Permission = Permission::new("parcels:open");
///
/// let sources = Sources::system();
/// let (tenant, ada) = (TenantId::generate(&sources), PrincipalId::generate(&sources));
/// let parcel = Resource::new("parcel", "7")?;
/// let ada = FakeIdentity::user(tenant, ada).may(READ).may_on(OPEN, &parcel);
///
/// let ctx = ada.context(&sources);
/// assert_eq!(ctx.tenant(), tenant);
/// assert!(ctx.require(READ).is_ok());
/// assert!(ctx.authorize(OPEN, &parcel, (), sources.now()).is_ok());
/// assert!(ctx.authorize(OPEN, &Resource::new("parcel", "8")?, (), sources.now()).is_err());
/// # Ok::<(), platform_core::InvalidResourceId>(())
/// ```
#[derive(Clone)]
pub struct FakeIdentity {
    tenant: TenantId,
    id: PrincipalId,
    is_service: bool,
    always: Vec<Permission>,
    granted: Vec<Holding>,
    session: Option<SessionId>,
}

impl FakeIdentity {
    /// A user who may do nothing yet.
    pub fn user(tenant: TenantId, id: PrincipalId) -> Self {
        Self {
            tenant,
            id,
            is_service: false,
            always: Vec::new(),
            granted: Vec::new(),
            session: None,
        }
    }

    /// A service that may do nothing yet.
    pub fn service(tenant: TenantId, id: PrincipalId) -> Self {
        Self {
            is_service: true,
            ..Self::user(tenant, id)
        }
    }

    /// The same with a permission in the whole tenant, as a built-in role gives one.
    #[must_use]
    pub fn may(mut self, permission: Permission) -> Self {
        self.always.push(permission);
        self
    }

    /// The same with a permission on one resource, as a grant gives one.
    #[must_use]
    pub fn may_on(self, permission: Permission, resource: &Resource<'_>) -> Self {
        self.granted(permission, Some(resource), Window::ALWAYS)
    }

    /// The same with a grant: of one permission, on a resource or in the whole tenant, for a time.
    #[must_use]
    pub fn granted(mut self, permission: Permission, on: Option<&Resource<'_>>, window: Window) -> Self {
        self.granted.push(Holding {
            permissions: PermissionSet::from_iter([permission]),
            on: on.map(|resource| OwnedResource {
                kind: resource.kind().into(),
                id: resource.id().into(),
            }),
            window,
        });
        self
    }

    /// The same in a session.
    #[must_use]
    pub fn in_session(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self
    }

    /// The context of a call, made now and in this process.
    pub fn context(&self, sources: &Sources) -> RequestContext {
        self.context_of(&RequestMeta::internal(sources), sources.now())
    }

    /// The context of a request that came at this time.
    pub fn context_of(&self, meta: &RequestMeta, now: Timestamp) -> RequestContext {
        let always: PermissionSet = self.always.iter().copied().collect();
        let principal = match self.is_service {
            true => Principal::service(self.id, always.clone()),
            false => Principal::user(self.id, always.clone()),
        };
        let granted = Granted::new(self.granted.iter().cloned());
        let principal = principal.with_authority(Authority::new(always).with(granted, now));
        let ctx = RequestContext::authenticated(self.tenant, principal, meta.clone());
        match self.session {
            Some(session) => ctx.in_session(session.as_uuid()),
            None => ctx,
        }
    }
}

/// Names whom it stands for, and counts what it may do.
impl fmt::Debug for FakeIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeIdentity")
            .field("tenant", &self.tenant)
            .field("id", &self.id)
            .field("always", &self.always.len())
            .field("granted", &self.granted.len())
            .finish_non_exhaustive()
    }
}

/// A sign-in that knows its users by the text after `Bearer`, for the stack of a service under test.
///
/// A request without the header has no credential; one with another text is refused, as the real one would be.
///
/// ```
/// use std::sync::Arc;
///
/// use platform_auth::testing::{FakeIdentity, FakeSignIn};
/// use platform_core::axum::http::Request;
/// use platform_core::http::{AuthOutcome, Authenticate};
/// use platform_core::{PrincipalId, RequestMeta, Sources, TenantId};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let sources = Sources::system();
/// let ada = FakeIdentity::user(TenantId::generate(&sources), PrincipalId::generate(&sources));
/// // HttpStack::new(..).authenticate_with(Arc::new(sign_in))
/// let sign_in = FakeSignIn::new(&sources).knows("ada", ada);
///
/// let request = Request::get("/parcels").header("authorization", "Bearer ada").body(()).unwrap();
/// let (parts, ()) = request.into_parts();
/// let outcome = sign_in.authenticate(&parts, &RequestMeta::internal(&sources)).await;
/// assert!(matches!(outcome, AuthOutcome::Authenticated(_)));
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct FakeSignIn {
    sources: Sources,
    known: BTreeMap<String, FakeIdentity>,
}

impl FakeSignIn {
    /// One that knows nobody yet, on this clock.
    pub fn new(sources: &Sources) -> Self {
        Self {
            sources: sources.clone(),
            known: BTreeMap::new(),
        }
    }

    /// The same with somebody whose token this is.
    #[must_use]
    pub fn knows(mut self, token: &str, identity: FakeIdentity) -> Self {
        self.known.insert(token.to_owned(), identity);
        self
    }
}

#[async_trait]
impl Authenticate for FakeSignIn {
    async fn authenticate(&self, parts: &Parts, meta: &RequestMeta) -> AuthOutcome {
        let Some(header) = parts.headers.get(header::AUTHORIZATION) else {
            return AuthOutcome::NotPresent;
        };
        let token = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        match token.and_then(|token| self.known.get(token)) {
            Some(identity) => AuthOutcome::Authenticated(identity.context_of(meta, self.sources.now())),
            None => AuthOutcome::Failed(Problem::unauthenticated()),
        }
    }
}
