//! Looking for the record that proves whose a host name is.

use platform_core::RequestContext;

use super::resolver::has_text;
use super::{CHECK_INTERVAL, HOSTS_MANAGE, HostError, HostName, TenantHost, stored, trail};
use crate::Auth;

impl Auth {
    /// Looks for the record of a claim, at most every five seconds. When it is there, the name stands for the tenant from now on.
    ///
    /// No connection is held while the DNS is asked, which has five seconds. A tenant has it asked 20 times at once and then once in 15
    /// seconds, and 16 questions are under way at the same time.
    ///
    /// # Errors
    /// [`HostError::TooSoon`] and [`HostError::TooManyLookups`] say how long to wait;
    /// [`HostError::ChallengeMissing`] when the record is not there; [`HostError::Taken`] when the name stands for another tenant;
    /// [`HostError::Unavailable`] when nobody knows; it needs [`HOSTS_MANAGE`].
    pub async fn verify_host(&self, ctx: &RequestContext, host: &HostName) -> Result<TenantHost, HostError> {
        ctx.require(HOSTS_MANAGE)?;
        let inner = &*self.inner;
        let resolver = inner.config.txt_resolver.as_ref().ok_or(HostError::NoResolver)?;
        // Before the claim is marked as looked for.
        let lookup = inner.lookups.begin(ctx.tenant(), inner.sources.now()).await?;
        let mut tx = inner.db.begin(ctx).await?;
        let challenge = stored::check(&mut tx, host, inner.sources.now()).await?;
        tx.commit().await?;
        let Some(challenge) = challenge else {
            return Err(self.why_not_checked(ctx, host).await?);
        };
        let record = stored::record(host);
        let found = has_text(resolver.as_ref(), &record, &challenge).await;
        drop(lookup);
        if !found.map_err(HostError::Unavailable)? {
            return Err(HostError::ChallengeMissing { record });
        }

        let now = inner.sources.now();
        let mut tx = inner.db.begin(ctx).await?;
        if !stored::lock_tenant(&mut tx).await? {
            return Err(HostError::NotFound);
        }
        if !stored::verified(&mut tx, (host, &challenge), now).await? {
            // Claimed anew, given up or verified since.
            return Err(HostError::NotFound);
        }
        inner.let_stand(&mut tx, host).await?;
        inner
            .audit
            .record(&mut tx, ctx, trail::verified(host, trail::From::Within))
            .await?;
        tx.commit().await?;
        tracing::info!(tenant.id = %ctx.tenant(), "{host} stands for tenant {} now", ctx.tenant());
        inner.host(ctx, host).await?.ok_or(HostError::NotFound)
    }

    async fn why_not_checked(&self, ctx: &RequestContext, host: &HostName) -> Result<HostError, HostError> {
        let known = self.inner.host(ctx, host).await?;
        Ok(match known {
            None => HostError::NotFound,
            Some(known) if known.verified_at.is_some() => HostError::AlreadyVerified,
            Some(_) => HostError::TooSoon {
                retry_after: CHECK_INTERVAL,
            },
        })
    }
}
