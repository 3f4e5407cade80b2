//! Forgetting answers after their days.

use async_trait::async_trait;
use uuid::Uuid;

use super::IdempotencyKeys;
use crate::pg::{DbError, TenantTx, Tenants};
use crate::{RequestContext, TenantId, Timestamp};

/// Tenants that are looked at in one page.
const PAGE: u32 = 100;

/// What was forgotten in one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten {
    /// How many answers of the transaction's tenant.
    pub answers: u64,
    /// They are all from before this.
    pub before: Timestamp,
}

/// Writes down that answers were forgotten, in the transaction in which they are. A service with an audit trail records an event;
/// [`Unrecorded`] is for one without.
#[async_trait]
pub trait RetentionLog: Send + Sync {
    /// Writes it down.
    ///
    /// # Errors
    /// [`DbError`]; nothing is forgotten then.
    async fn forgotten(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        forgotten: Forgotten,
    ) -> Result<(), DbError>;
}

/// Writes nothing down.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unrecorded;

#[async_trait]
impl RetentionLog for Unrecorded {
    async fn forgotten(&self, _: &mut TenantTx, _: &RequestContext, _: Forgotten) -> Result<(), DbError> {
        Ok(())
    }
}

impl IdempotencyKeys {
    /// Forgets the oldest answers of the transaction's tenant that are from before an instant, as many as one transaction forgets at
    /// most. Tells how many.
    ///
    /// # Errors
    /// [`DbError`]: roll back.
    pub async fn forget_in(&self, tx: &mut TenantTx, before: Timestamp) -> Result<u64, DbError> {
        let forgotten = sqlx::query(
            "delete from platform_core.idempotency_key
             where tenant_id = $1 and (principal, route, key) in (
                 select principal, route, key from platform_core.idempotency_key
                 where tenant_id = $1 and created_at < $2
                 order by created_at limit $3
                 for update skip locked
             )",
        )
        .bind(Uuid::from(tx.tenant()))
        .bind(before)
        .bind(i64::from(self.config.forget_max))
        .execute(&mut *tx)
        .await?;
        Ok(forgotten.rows_affected())
    }

    /// Forgets the answers of every tenant whose days are over, in transactions of bounded size. Tells how many.
    ///
    /// # Errors
    /// The first [`DbError`]; what was forgotten stays forgotten, also of tenants that come after the one that failed.
    pub async fn forget_old(&self, log: &dyn RetentionLog) -> Result<u64, DbError> {
        let tenants = Tenants::new(&self.db);
        let mut forgotten = 0;
        let mut failed = None;
        let mut after: Option<TenantId> = None;
        loop {
            let page = tenants.list(after, PAGE).await?;
            let Some(last) = page.last() else {
                return failed.map_or(Ok(forgotten), Err);
            };
            after = Some(last.id);
            for tenant in &page {
                match self.forget_of(tenant.id, log).await {
                    Ok(of_tenant) => forgotten += of_tenant,
                    // One tenant's trouble is no reason to keep the answers of all others.
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
        }
    }

    async fn forget_of(&self, tenant: TenantId, log: &dyn RetentionLog) -> Result<u64, DbError> {
        let sources = self.db.sources();
        let ctx = RequestContext::system(tenant, "forget old answers to idempotency keys", sources);
        let before = sources.now() - self.config.keep;
        let mut forgotten = 0;
        loop {
            let mut tx = self.db.begin(&ctx).await?;
            let answers = self.forget_in(&mut tx, before).await?;
            if answers == 0 {
                tx.rollback().await?;
                return Ok(forgotten);
            }
            log.forgotten(&mut tx, &ctx, Forgotten { answers, before })
                .await?;
            tx.commit().await?;
            forgotten += answers;
        }
    }

    /// A worker that forgets the answers of every tenant whose days are over, every hour.
    ///
    /// ```no_run
    /// use std::sync::Arc;
    /// use platform_core::idempotency::{IdempotencyKeys, Unrecorded};
    ///
    /// # fn example(keys: IdempotencyKeys) {
    /// let worker = keys.retention_worker(Arc::new(Unrecorded));
    /// assert_eq!(worker.name(), "idempotency.forget");
    /// # }
    /// ```
    #[cfg(feature = "runtime")]
    pub fn retention_worker(&self, log: std::sync::Arc<dyn RetentionLog>) -> crate::runtime::Worker {
        const EVERY: std::time::Duration = std::time::Duration::from_secs(60 * 60);
        let keys = self.clone();
        crate::runtime::Worker::new("idempotency.forget", move |stop| {
            let (keys, log) = (keys.clone(), log.clone());
            async move {
                let mut tick = tokio::time::interval(EVERY);
                while stop.run_until_cancelled(tick.tick()).await.is_some() {
                    let forgetting = Box::pin(keys.forget_old(log.as_ref()));
                    match stop.run_until_cancelled(forgetting).await {
                        Some(forgotten) => {
                            let answers = forgotten?;
                            tracing::debug!(idempotency.forgotten = answers, "forgot {answers} old answers");
                        }
                        None => break,
                    }
                }
                Ok(())
            }
        })
    }
}
