//! What the stack asks of a sign-in and of a tenant directory.

use async_trait::async_trait;
use axum::http::request::Parts;

use super::Problem;
use crate::{RequestContext, RequestMeta, TenantId};

/// Finds out who sends a request. The stack calls it once for each request, before any handler.
///
/// ```
/// use async_trait::async_trait;
/// use platform_core::axum::http::{header, request::Parts};
/// use platform_core::http::{AuthOutcome, Authenticate, Problem};
/// use platform_core::{Principal, RequestContext, RequestMeta, TenantId, PrincipalId, PermissionSet};
///
/// struct OneToken { token: &'static str, tenant: TenantId, user: PrincipalId }
///
/// #[async_trait]
/// impl Authenticate for OneToken {
///     async fn authenticate(&self, parts: &Parts, meta: &RequestMeta) -> AuthOutcome {
///         let Some(credential) = parts.headers.get(header::AUTHORIZATION) else {
///             return AuthOutcome::NotPresent;
///         };
///         if credential.as_bytes() != self.token.as_bytes() {
///             return AuthOutcome::Failed(Problem::unauthenticated());
///         }
///         let user = Principal::user(self.user, PermissionSet::default());
///         AuthOutcome::Authenticated(RequestContext::authenticated(self.tenant, user, meta.clone()))
///     }
/// }
/// ```
#[async_trait]
pub trait Authenticate: Send + Sync + 'static {
    /// Verifies the credential that a request carries, if it carries one. A credential that browsers add by themselves, such as a cookie,
    /// is good for what the request wants to do only when another site could not have sent it: hence the method and all headers.
    async fn authenticate(&self, parts: &Parts, meta: &RequestMeta) -> AuthOutcome;
}

/// What [`Authenticate`] found.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "one of these lives for a moment in each request, a box would cost more"
)]
pub enum AuthOutcome {
    /// The request carries no credential; public routes serve it.
    NotPresent,
    /// The credential is good.
    Authenticated(RequestContext),
    /// A credential was shown and is not good, or could not be verified: this is the answer on every route.
    Failed(Problem),
}

/// Finds the tenant of a request that carries no credential. Only [`Visitor`](super::Visitor) asks.
///
/// The answer `Ok(None)` means that there is no such tenant or that it takes no requests. A public route asks once for its host
/// name and perhaps once for a slug in each request, so an implementation keeps its answers for a while.
#[async_trait]
pub trait ResolveTenant: Send + Sync + 'static {
    /// The tenant that has proved to own this host name. `host` is in lower case and without its port.
    async fn by_host(&self, host: &str) -> Result<Option<TenantId>, Problem>;

    /// The tenant with this short name. `slug` is what the client sent, at most 128 bytes.
    async fn by_slug(&self, slug: &str) -> Result<Option<TenantId>, Problem>;
}
