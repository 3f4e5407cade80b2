//! The tenant of a request that carries no credential.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, StatusCode, Uri, header};

use super::{Problem, ResolveTenant};
use crate::TenantId;

/// The header that names a tenant by its slug.
pub(crate) const X_TENANT: HeaderName = HeaderName::from_static("x-tenant");

const SLUG_BYTES_MAX: usize = 128;
const HOST_BYTES_MAX: usize = 255;

/// Looks the tenant up, only when a handler asks: every other route is spared the cost.
pub(crate) struct TenantLookup {
    pub(crate) resolver: Option<Arc<dyn ResolveTenant>>,
    pub(crate) default_slug: Option<String>,
}

impl TenantLookup {
    /// The tenant that a request names by its host, its header or by silence.
    pub(crate) async fn resolve(&self, headers: &HeaderMap, uri: &Uri) -> Result<TenantId, Problem> {
        let resolver = self.resolver.as_ref().ok_or_else(required)?;
        if let Some(host) = host_name(headers, uri)
            && let Some(tenant) = resolver.by_host(&host).await?
        {
            return Ok(tenant);
        }
        let slug = match headers.get(X_TENANT) {
            Some(named) => named.to_str().map_err(|_| unknown())?,
            None => self.default_slug.as_deref().ok_or_else(required)?,
        };
        if slug.is_empty() || slug.len() > SLUG_BYTES_MAX {
            return Err(unknown());
        }
        resolver.by_slug(slug).await?.ok_or_else(unknown)
    }
}

/// The host name in lower case without its port. An address literal belongs to no tenant.
fn host_name(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let authority = match headers.get(header::HOST) {
        Some(host) => host.to_str().ok()?,
        None => uri.authority()?.as_str(),
    };
    if authority.len() > HOST_BYTES_MAX || authority.starts_with('[') {
        return None;
    }
    let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name);
    let name = name.trim_end_matches('.');
    let literal = name.parse::<IpAddr>().is_ok();
    (!name.is_empty() && !literal).then(|| name.to_ascii_lowercase())
}

fn required() -> Problem {
    let detail = "name the tenant by its host name or by the header X-Tenant";
    Problem::new(StatusCode::BAD_REQUEST, "tenant_required", detail)
}

fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "tenant_unknown", "there is no such tenant")
}
