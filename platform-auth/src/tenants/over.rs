//! In which capacity somebody looks after other tenants, and which those are.

use platform_core::pg::Tenant;
use platform_core::{
    Forbidden, Permission, PermissionSet, Principal, PrincipalKind, RequestContext, TenantId,
};

use super::{OverseeError, TENANT_CHILDREN, trail};
use crate::auth::Inner;
use crate::{Fault, PLATFORM_TENANTS};

/// In which capacity somebody looks after other tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oversight {
    /// As an operator of the platform, after all of them: takes [`PLATFORM_TENANTS`] in the platform's own tenant.
    Platform,
    /// As somebody in the tenant above, after those below it: takes [`TENANT_CHILDREN`].
    Parent,
}

impl Oversight {
    const fn permission(self) -> Permission {
        match self {
            Self::Platform => PLATFORM_TENANTS,
            Self::Parent => TENANT_CHILDREN,
        }
    }

    /// In whose name the status of a tenant is set; `None` for the platform's.
    pub(super) fn in_name_of(self, ctx: &RequestContext) -> Option<TenantId> {
        match self {
            Self::Platform => None,
            Self::Parent => Some(ctx.tenant()),
        }
    }
}

impl Inner {
    /// Refuses whoever does not look after other tenants in this capacity. The permission alone does not make an operator: a service that
    /// gave it to the admins of every tenant has not made operators of them.
    pub(crate) fn may_oversee(&self, ctx: &RequestContext, over: Oversight) -> Result<(), Forbidden> {
        let needed = over.permission();
        ctx.require(needed)?;
        let is_job = ctx.principal().kind() == PrincipalKind::System;
        match over {
            Oversight::Platform if !is_job && !self.is_platform(ctx.tenant()) => Err(Forbidden::new(needed)),
            _ => Ok(()),
        }
    }

    /// The tenant, if it is one that the caller looks after. One above, beside or elsewhere is like none, and so is the platform's own,
    /// wherever it stands: whoever could invite an admin into it would make operators.
    pub(crate) async fn overseen(
        &self,
        ctx: &RequestContext,
        over: Oversight,
        id: TenantId,
    ) -> Result<Option<Tenant>, Fault> {
        let of_parent = over == Oversight::Parent;
        if of_parent && (self.is_platform(id) || !self.tenants.is_below(id, ctx.tenant()).await?) {
            return Ok(None);
        }
        Ok(self.tenants.by_id(id).await?)
    }

    /// The context in which something is done to another tenant: the same caller, who may do nothing else there.
    pub(crate) fn under(&self, ctx: &RequestContext, tenant: TenantId) -> RequestContext {
        match ctx.principal().id() {
            Some(id) => {
                let principal = match ctx.principal().kind() {
                    PrincipalKind::Service => Principal::service(id, PermissionSet::default()),
                    _ => Principal::user(id, PermissionSet::default()),
                };
                RequestContext::authenticated(tenant, principal, ctx.meta().clone())
            }
            None => RequestContext::system(
                tenant,
                ctx.reason().unwrap_or("look after a tenant"),
                &self.sources,
            )
            .in_request(ctx.meta().clone()),
        }
    }

    /// The context of a job that does in another tenant what nobody there does, in the request and on behalf of whoever looks after it,
    /// and the tenant of that one, for the trail.
    pub(super) fn job_for(
        &self,
        ctx: &RequestContext,
        tenant: TenantId,
        reason: &'static str,
    ) -> (RequestContext, Option<TenantId>) {
        let job = RequestContext::system(tenant, reason, &self.sources).in_request(ctx.meta().clone());
        let job = match ctx.principal().kind() {
            PrincipalKind::System => job,
            _ => job.on_behalf_of(self.under(ctx, tenant).principal().clone()),
        };
        (job, acting_from(ctx))
    }

    /// Records in the caller's own trail what is about to be done to another tenant. A job of the service has no trail of its own.
    pub(crate) async fn announce(
        &self,
        ctx: &RequestContext,
        verb: &'static str,
        tenant: TenantId,
    ) -> Result<(), Fault> {
        if ctx.principal().kind() != PrincipalKind::System {
            let event = trail::about_to(verb, tenant);
            self.audit.record_alone(&self.db, ctx, event).await?;
        }
        Ok(())
    }

    /// Records there that it was not done, and why.
    pub(crate) async fn take_back(
        &self,
        ctx: &RequestContext,
        verb: &'static str,
        tenant: TenantId,
        error: OverseeError,
    ) -> OverseeError {
        if ctx.principal().kind() == PrincipalKind::System {
            return error;
        }
        let event = trail::not_done(verb, tenant, error.code());
        match self.audit.record_refusal(&self.db, ctx, event).await {
            Ok(_) => error,
            Err(fault) => fault.into(),
        }
    }
}

/// The tenant of whoever acts; none for a job of the service.
pub(crate) fn acting_from(ctx: &RequestContext) -> Option<TenantId> {
    (ctx.principal().kind() != PrincipalKind::System).then(|| ctx.tenant())
}
