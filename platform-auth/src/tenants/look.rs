//! Seeing other tenants.

use platform_core::pg::Tenant;
use platform_core::{RequestContext, TenantId};

use super::{OverseeError, Oversight};
use crate::Auth;

/// A page, and one more to see whether another follows.
const LIST_MAX: u32 = 201;

impl Auth {
    /// A tenant that the caller looks after; `None` for every other one.
    ///
    /// # Errors
    /// [`OverseeError::Forbidden`] for whoever does not look after any.
    pub async fn overseen_tenant(
        &self,
        ctx: &RequestContext,
        over: Oversight,
        id: TenantId,
    ) -> Result<Option<Tenant>, OverseeError> {
        self.inner.may_oversee(ctx, over)?;
        Ok(self.inner.overseen(ctx, over, id).await?)
    }

    /// The tenants that the caller looks after in the order in which they were made, at most 201 after `after`.
    ///
    /// # Errors
    /// [`OverseeError::Forbidden`] for whoever does not look after any.
    pub async fn list_overseen_tenants(
        &self,
        ctx: &RequestContext,
        over: Oversight,
        after: Option<TenantId>,
        limit: u32,
    ) -> Result<Vec<Tenant>, OverseeError> {
        self.inner.may_oversee(ctx, over)?;
        let (tenants, limit) = (&self.inner.tenants, limit.min(LIST_MAX));
        Ok(match over {
            Oversight::Platform => tenants.list(after, limit).await?,
            Oversight::Parent => tenants.list_below(ctx.tenant(), after, limit).await?,
        })
    }
}
