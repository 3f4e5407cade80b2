//! The tenants of the database as the directory of the HTTP stack.

use async_trait::async_trait;

use super::{Problem, ResolveTenant};
use crate::TenantId;
use crate::pg::{Slug, Tenant, TenantStatus, Tenants};

/// Reads the directory for every request that asks: only routes for visitors do, and what they do next costs more.
#[async_trait]
impl ResolveTenant for Tenants {
    async fn by_host(&self, host: &str) -> Result<Option<TenantId>, Problem> {
        Ok(id_unless_closed(Tenants::by_host(self, host).await?))
    }

    async fn by_slug(&self, slug: &str) -> Result<Option<TenantId>, Problem> {
        match slug.parse::<Slug>() {
            Ok(slug) => Ok(id_unless_closed(Tenants::by_slug(self, &slug).await?)),
            Err(_) => Ok(None),
        }
    }
}

/// A suspended tenant is known, so that its users are told; a closed one is not there any more.
fn id_unless_closed(tenant: Option<Tenant>) -> Option<TenantId> {
    tenant
        .filter(|tenant| tenant.status != TenantStatus::Closed)
        .map(|tenant| tenant.id)
}
