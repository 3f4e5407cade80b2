//! Forgetting the answers to idempotency keys, in the trail.

use async_trait::async_trait;
use platform_core::RequestContext;
use platform_core::idempotency::{Forgotten, RetentionLog};
use platform_core::pg::{DbError, TenantTx};
use platform_core::sqlx;
use platform_core::time::format_description::well_known::Rfc3339;
use serde_json::json;

use crate::{Action, Activity, AuditError, AuditLog, Event, Outcome, Retention};

/// Answers to idempotency keys were forgotten after their days. The detail says how many and from before when.
pub const ANSWERS_FORGOTTEN: Action = Action::new("idempotency.forget");

/// Records that answers to idempotency keys were forgotten, in the transaction in which they are: an event for each transaction, kept as
/// long as what serves operation.
///
/// ```no_run
/// use platform_audit::AuditLog;
/// use platform_core::idempotency::IdempotencyKeys;
/// use platform_core::pg::DbError;
///
/// async fn tidy_up(keys: &IdempotencyKeys, audit: &AuditLog) -> Result<u64, DbError> {
///     keys.forget_old(audit).await
/// }
/// ```
#[async_trait]
impl RetentionLog for AuditLog {
    async fn forgotten(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        forgotten: Forgotten,
    ) -> Result<(), DbError> {
        let event = Event::new(ANSWERS_FORGOTTEN, Outcome::Success)
            .activity(Activity::Delete)
            .retention(Retention::OPERATIONAL)
            .detail(json!({
                "answers": forgotten.answers,
                "before": forgotten.before.format(&Rfc3339).unwrap_or_default(),
            }));
        match self.record(tx, ctx, event).await {
            Ok(_) => Ok(()),
            Err(AuditError::Db(error)) => Err(error),
            // Only where contexts and transactions are mixed up; nothing is forgotten then either.
            Err(defect) => Err(DbError::Query(sqlx::Error::Encode(Box::new(defect)))),
        }
    }
}
