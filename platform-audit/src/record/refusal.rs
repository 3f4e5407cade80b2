//! Recording what has no transaction: what was denied, or failed.

use std::time::Duration;

use platform_core::pg::{Db, DbError};
use platform_core::{RequestContext, error_chain};

use super::Draft;
use super::log::Counters;
use crate::{AuditError, AuditLog, Event, EventId};

/// How long the database may take before the spool is asked.
const PATIENCE: Duration = Duration::from_secs(2);

impl AuditLog {
    /// Records an event that belongs to no change, for what was denied or failed: in a short transaction of its own, and when the
    /// database does not take it in the [spool](crate::Spool), from which the worker takes it later.
    ///
    /// The work goes on when its caller goes away. It takes two seconds at most and one write to the disk.
    ///
    /// # Errors
    /// [`AuditError`]: nothing was recorded, and [`AuditError::Spool`] that it can be nowhere. Whoever must not go on unrecorded has to
    /// refuse.
    pub async fn record_refusal(
        &self,
        db: &Db,
        ctx: &RequestContext,
        event: Event,
    ) -> Result<EventId, AuditError> {
        // Named, so that it is not there twice when the answer to the commit was lost.
        let mut draft = Draft::new(&self.sources, ctx, event)?;
        draft.named = true;
        let Ok(_free) = self.refusals.free.try_acquire() else {
            return self.record_or_spool(db, ctx, draft).await;
        };
        let (log, db, ctx) = (self.clone(), db.clone(), ctx.clone());
        let task = self
            .refusals
            .tasks
            .spawn(async move { log.record_or_spool(&db, &ctx, draft).await });
        match task.await {
            Ok(recorded) => recorded,
            // It panicked, or the runtime ends: either way nobody knows.
            Err(_) => Err(DbError::Aborted.into()),
        }
    }

    /// Waits until the refusals that are being recorded are.
    pub(crate) async fn settle_refusals(&self) {
        self.refusals.tasks.close();
        self.refusals.tasks.wait().await;
        self.refusals.tasks.reopen();
    }

    async fn record_or_spool(
        &self,
        db: &Db,
        ctx: &RequestContext,
        draft: Draft,
    ) -> Result<EventId, AuditError> {
        let stored = tokio::time::timeout(PATIENCE, self.insert_alone(db, ctx, draft.clone())).await;
        let error = match stored {
            // Whatever the database has against it: the event is whole, and there is a place for it.
            Ok(Err(AuditError::Db(error))) => error,
            Ok(recorded) => return recorded,
            Err(_) => DbError::Timeout(sqlx::Error::PoolTimedOut),
        };
        let Some(spool) = &self.spool else {
            Counters::add(&self.counters.lost, 1);
            return Err(error.into());
        };
        let id = draft.id();
        match spool.append(draft.entry).await {
            Ok(()) => {
                Counters::add(&self.counters.spooled, 1);
                Ok(id)
            }
            Err(spool) => {
                Counters::add(&self.counters.lost, 1);
                tracing::error!(
                    tenant.id = %ctx.tenant(),
                    request.id = %ctx.meta().request_id,
                    error = %error_chain(&spool),
                    "a refusal could be recorded neither in the database nor in the spool"
                );
                Err(AuditError::Spool { db: error, spool })
            }
        }
    }
}
