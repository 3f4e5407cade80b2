//! Forgetting idempotency keys after their time.

use std::time::Duration;

use platform_core::{RequestContext, TenantId};

use super::{Trading, TradingError, trail};
use crate::store;

/// Tenants that are looked at in one page.
const PAGE: u32 = 100;

impl Trading {
    /// Forgets the idempotency keys whose days are over, of every tenant, a thousand in a transaction. Tells how many.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails; what was forgotten before stays forgotten.
    pub async fn forget_old_keys(&self) -> Result<u64, TradingError> {
        let mut forgotten = 0;
        let mut after: Option<TenantId> = None;
        loop {
            let tenants = self.inner.tenants.list(after, PAGE).await?;
            let Some(last) = tenants.last() else {
                return Ok(forgotten);
            };
            after = Some(last.id);
            for tenant in &tenants {
                forgotten += self.forget_keys_of(tenant.id).await?;
            }
        }
    }

    async fn forget_keys_of(&self, tenant: TenantId) -> Result<u64, TradingError> {
        let ctx = RequestContext::system(tenant, "forget old idempotency keys", self.sources());
        let age = Duration::from_secs(86_400) * self.inner.config.idempotency_days;
        let mut forgotten = 0;
        loop {
            let mut tx = self.inner.db.begin(&ctx).await?;
            let before = self.now() - age;
            let some = store::forget_before(&mut tx, before).await?;
            if some == 0 {
                return Ok(forgotten);
            }
            let event = trail::forgotten(some, before);
            self.inner.audit.record(&mut tx, &ctx, event).await?;
            tx.commit().await?;
            forgotten += some;
        }
    }
}
