//! Suspending, resuming and closing other tenants.

use platform_core::pg::{Tenant, TenantVerb};
use platform_core::{Forbidden, RequestContext, TenantId};

use super::over::acting_from;
use super::{OverseeError, Oversight, REASON_CHARS_MAX, trail};
use crate::auth::Inner;
use crate::session::{self, EndReason};
use crate::{Auth, PLATFORM_TENANTS};

impl Auth {
    /// Suspends, resumes or closes a tenant that the caller looks after. From the commit on every credential of a suspended or closed
    /// tenant is refused; the sessions of a closed one end, and its host names stand for it no longer. Only the platform closes tenants.
    ///
    /// # Errors
    /// [`OverseeError::NotFrom`] when it cannot be done to a tenant of that status, [`OverseeError::SetAbove`] when it was suspended from
    /// further above, and the others of [`OverseeError`]; nothing was changed.
    pub async fn change_tenant(
        &self,
        ctx: &RequestContext,
        over: Oversight,
        id: TenantId,
        (verb, why): (TenantVerb, Option<&str>),
    ) -> Result<Tenant, OverseeError> {
        let inner = &*self.inner;
        inner.may_oversee(ctx, over)?;
        if over == Oversight::Parent && verb == TenantVerb::Close {
            return Err(Forbidden::new(PLATFORM_TENANTS).into());
        }
        if !why.is_none_or(is_reason) {
            return Err(OverseeError::InvalidReason);
        }
        let tenant = inner.overseen(ctx, over, id).await?;
        let tenant = tenant.ok_or(OverseeError::NotFound)?;
        if inner.is_platform(id) && verb != TenantVerb::Resume {
            return Err(OverseeError::OwnTenant);
        }
        inner.announce(ctx, word(verb), id).await?;
        match inner.change_tenant(ctx, over, id, (verb, why)).await {
            Ok(()) => Ok(Tenant {
                status: verb.status(),
                ..tenant
            }),
            Err(error) => Err(inner.take_back(ctx, word(verb), id, error).await),
        }
    }
}

impl Inner {
    async fn change_tenant(
        &self,
        ctx: &RequestContext,
        over: Oversight,
        id: TenantId,
        (verb, why): (TenantVerb, Option<&str>),
    ) -> Result<(), OverseeError> {
        let under = self.under(ctx, id);
        let mut tx = self.db.begin(&under).await?;
        let before = self
            .tenants
            .transition_in(&mut tx, verb, over.in_name_of(ctx))
            .await?;
        let ended = match verb {
            TenantVerb::Close => {
                session::end_all(&mut tx, EndReason::TenantClosed, self.sources.now()).await?
            }
            TenantVerb::Suspend | TenantVerb::Resume => 0,
        };
        if verb == TenantVerb::Close {
            self.give_hosts_up(&mut tx, &under, acting_from(ctx)).await?;
        }
        let event = trail::done(verb, id, (before, why, ended), ctx);
        self.audit.record(&mut tx, &under, event).await?;
        // What is remembered of the tenant's sessions and keys was read before.
        self.marks.mark_after(&mut tx, id.as_uuid());
        tx.commit().await?;
        tracing::info!(tenant.id = %id, "tenant {id} is {} now", verb.status().as_str());
        Ok(())
    }
}

const fn word(verb: TenantVerb) -> &'static str {
    match verb {
        TenantVerb::Suspend => "suspend",
        TenantVerb::Resume => "resume",
        TenantVerb::Close => "close",
    }
}

fn is_reason(reason: &str) -> bool {
    let count = reason.chars().take(REASON_CHARS_MAX + 1).count();
    (1..=REASON_CHARS_MAX).contains(&count) && !reason.chars().any(char::is_control)
}
