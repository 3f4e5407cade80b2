//! Recording an event.

use platform_core::pg::{Db, DbError, TenantTx};
use platform_core::{RequestContext, Sources};
use sqlx::types::Json;

use crate::{Event, EventId, InvalidEvent};

/// The audit trail of every tenant; cheap to clone.
#[derive(Debug, Clone)]
pub struct AuditLog {
    sources: Sources,
}

/// An event was not recorded. The change it describes must not happen either: drop or roll back the transaction.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The event breaks a bound; the code that made it is wrong.
    #[error("the audit event is not valid")]
    Invalid(#[from] InvalidEvent),
    /// The context and the transaction belong to different tenants; the code that mixed them is wrong.
    #[error("the audit event and the transaction belong to different tenants")]
    ForeignTransaction,
    /// The database refused or could not be reached. Treat it like an error of the change itself.
    #[error("the audit event could not be stored")]
    Db(#[from] DbError),
}

impl AuditLog {
    /// A log that takes times and ids from `sources`.
    pub fn new(sources: Sources) -> Self {
        Self { sources }
    }

    /// Records an event in the caller's transaction, by one statement. It stands or falls with what else the transaction does.
    ///
    /// # Errors
    /// [`AuditError`]: nothing was recorded, so `tx` must not be committed.
    pub async fn record(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        event: Event,
    ) -> Result<EventId, AuditError> {
        event.check()?;
        if tx.tenant() != ctx.tenant() {
            return Err(AuditError::ForeignTransaction);
        }
        let id = EventId::generate(&self.sources);
        let meta = ctx.meta();
        let first = event.targets.first();
        sqlx::query(
            "insert into platform_audit.event (
               tenant_id, id, occurred_at, action, outcome, reason, actor_kind, actor_id, purpose, on_behalf_of, session_id,
               target_kind, target_id, targets, source_address, user_agent, request_id, trace_id, detail)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
        )
        .bind(ctx.tenant())
        .bind(id)
        .bind(self.sources.now())
        .bind(event.action.name())
        .bind(event.outcome.as_str())
        .bind(event.reason.as_deref())
        .bind(ctx.principal().kind().as_str())
        .bind(ctx.principal().id())
        .bind(ctx.reason())
        .bind(ctx.acts_for().and_then(|principal| principal.id()))
        .bind(ctx.session())
        .bind(first.map(|target| target.kind.as_ref()))
        .bind(first.map(|target| target.id.as_str()))
        .bind(Json(&event.targets))
        .bind(meta.source_address.map(|address| address.to_string()))
        .bind(meta.user_agent.as_deref())
        .bind(meta.request_id)
        .bind(meta.trace.trace_id())
        .bind(event.detail.as_ref().map(Json))
        .execute(&mut *tx)
        .await
        .map_err(DbError::from)?;
        Ok(id)
    }

    /// Records an event in a short transaction of its own: for what was denied or failed, and so changed nothing.
    ///
    /// # Errors
    /// [`AuditError`]: nothing was recorded. Whoever must not go on unrecorded has to refuse.
    pub async fn record_alone(
        &self,
        db: &Db,
        ctx: &RequestContext,
        event: Event,
    ) -> Result<EventId, AuditError> {
        event.check()?;
        let mut tx = db.begin(ctx).await?;
        let id = self.record(&mut tx, ctx, event).await?;
        tx.commit().await?;
        Ok(id)
    }
}
