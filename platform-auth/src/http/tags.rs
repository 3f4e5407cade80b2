//! The worker that follows a rotation of the index key.

use std::time::Duration;

use platform_core::pg::DbError;
use platform_core::{RequestContext, TenantId, error_chain};
use tokio_util::sync::CancellationToken;

use crate::Auth;

/// How often it is looked for users without a tag under the newest key.
const EVERY: Duration = Duration::from_secs(60);

/// Tenants that are looked up at once.
const TENANTS: u32 = 200;

/// Users of a tenant that are tagged in one go.
const USERS: u32 = 200;

impl Auth {
    /// Renews the tags of all tenants' users from time to time, until it is told to stop. A tenant for which it fails does not keep it
    /// from the others.
    pub(super) async fn keep_tags_renewed(&self, stop: CancellationToken) -> Result<(), DbError> {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            let mut after = None;
            loop {
                let tenants = self.inner.tenants.list(after, TENANTS).await?;
                let Some(last) = tenants.last() else {
                    break;
                };
                after = Some(last.id);
                for tenant in &tenants {
                    if stop.is_cancelled() {
                        return Ok(());
                    }
                    self.keep_renewed(tenant.id).await;
                }
            }
        }
        Ok(())
    }

    async fn keep_renewed(&self, tenant: TenantId) {
        let ctx = RequestContext::system(tenant, "renew tags", &self.inner.sources);
        match self.renew_tags(&ctx, USERS).await {
            Ok(0) => {}
            Ok(users) => tracing::info!(tenant.id = %tenant, users, "renewed the tags of {users} users"),
            Err(error) => {
                tracing::warn!(tenant.id = %tenant, error = %error_chain(&error), "the tags of users could not be renewed");
            }
        }
    }
}
