//! Forgetting invitations that nobody has accepted in time.

use platform_core::{RequestContext, TenantId};
use tokio_util::sync::CancellationToken;

use super::{stored, trail};
use crate::auth::Inner;
use crate::{Auth, Fault};

/// Tenants that are looked up at once.
const TENANTS: u32 = 200;

/// How many are forgotten in one transaction, each with an event of its own.
const BATCH: u32 = 50;

/// How many are forgotten in one round, of all tenants together.
const ROUND_MAX: u64 = 1_000;

impl Auth {
    /// Forgets of invitations that nobody has accepted in time whom they had invited and to which roles, and says how many they were: in
    /// all tenants together 1,000 at most, so that a backlog takes several rounds. The trail tells of each.
    ///
    /// Several processes may do so at the same time. The runtime module does every ten minutes.
    ///
    /// ```no_run
    /// # async fn round(auth: &platform_auth::Auth) -> Result<(), platform_auth::Fault> {
    /// while auth.forget_expired_invitations().await? > 0 {}
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Fault`] when the database or the trail fail. What was forgotten by then stays forgotten.
    pub async fn forget_expired_invitations(&self) -> Result<u64, Fault> {
        self.inner.forget_invitations(&CancellationToken::new()).await
    }
}

impl Inner {
    /// One round, until it is told to stop.
    pub(crate) async fn forget_invitations(&self, stop: &CancellationToken) -> Result<u64, Fault> {
        let (mut forgotten, mut after) = (0, None);
        loop {
            let tenants = self.tenants.list(after, TENANTS).await?;
            for tenant in &tenants {
                forgotten += self.forget_in(tenant.id, ROUND_MAX - forgotten, stop).await?;
                if forgotten >= ROUND_MAX || stop.is_cancelled() {
                    return Ok(forgotten);
                }
            }
            match tenants.last() {
                Some(last) => after = Some(last.id),
                None => return Ok(forgotten),
            }
        }
    }

    /// Forgets those of one tenant, `max` at most.
    async fn forget_in(&self, tenant: TenantId, max: u64, stop: &CancellationToken) -> Result<u64, Fault> {
        let ctx = RequestContext::system(tenant, "forget expired invitations", &self.sources);
        let now = self.sources.now();
        let mut read = self.db.read(&ctx).await?;
        let any = stored::any_to_forget(&mut read, now).await?;
        read.finish().await?;
        let mut forgotten = 0;
        while any && forgotten < max && !stop.is_cancelled() {
            let limit = u32::try_from(max - forgotten).unwrap_or(BATCH).min(BATCH);
            let mut tx = self.db.begin(&ctx).await?;
            let ids = stored::forget_expired(&mut tx, now, limit).await?;
            if ids.is_empty() {
                break;
            }
            forgotten += u64::try_from(ids.len()).unwrap_or(u64::MAX);
            let events = ids.into_iter().map(trail::forgotten).collect();
            self.audit.record_all(&mut tx, &ctx, events).await?;
            tx.commit().await?;
        }
        Ok(forgotten)
    }
}
