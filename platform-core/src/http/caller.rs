//! Extractors for who asks.

use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use tracing::Span;

use super::Problem;
use super::tenant::TenantLookup;
use crate::{RequestContext, RequestMeta};

/// Somebody who has signed in. Without a credential the answer is 401 `unauthenticated`.
///
/// `Option<Caller>` takes a request either way.
///
/// ```
/// use platform_core::http::{Caller, Problem};
/// use platform_core::Permission;
///
/// const CLOSE: Permission = Permission::new("parcels:close");
///
/// async fn close(Caller(ctx): Caller) -> Result<(), Problem> {
///     ctx.require(CLOSE)?;
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Caller(pub RequestContext);

/// Whoever asks on a public route of a tenant: the caller's context, or an anonymous one of the tenant the request names.
///
/// The tenant of an anonymous request is the one that owns the host name, else the one in the header `X-Tenant`, else the
/// configured default. Naming none is 400 `tenant_required`, naming one that does not exist 404 `tenant_unknown`.
#[derive(Debug, Clone)]
pub struct Visitor(pub RequestContext);

/// What is known of the request itself.
#[derive(Debug, Clone)]
pub struct Meta(pub RequestMeta);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        authenticated(parts)
            .map(Self)
            .ok_or_else(Problem::unauthenticated)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        Ok(authenticated(parts).map(Self))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if let Some(ctx) = authenticated(parts) {
            return Ok(Self(ctx));
        }
        let Meta(meta) = Meta::from_request_parts(parts, state).await?;
        let Some(lookup) = parts.extensions.get::<Arc<TenantLookup>>().cloned() else {
            return Err(outside_the_stack());
        };
        let tenant = lookup.resolve(&parts.headers, &parts.uri).await?;
        Span::current().record("tenant.id", tracing::field::display(tenant));
        Ok(Self(RequestContext::anonymous(tenant, meta)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Meta {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let meta = parts.extensions.get::<RequestMeta>().cloned();
        meta.map(Self).ok_or_else(outside_the_stack)
    }
}

fn authenticated(parts: &Parts) -> Option<RequestContext> {
    parts.extensions.get::<RequestContext>().cloned()
}

fn outside_the_stack() -> Problem {
    tracing::error!("a route is served outside the HTTP stack, wrap its router");
    Problem::internal()
}
