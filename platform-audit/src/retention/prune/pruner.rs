//! A run of the pruner.

use std::time::Duration;

use platform_core::pg::{Db, DbError};
use platform_core::{RequestContext, TenantId};
use tokio::time::{Instant, sleep_until};

use super::{PruneError, PruneOptions, PruneSummary, SignedSizes};
use crate::{Archive, AuditLog, LogKey, RETENTION};

/// How often it is looked whether announcements are covered by now.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Deletes events whose time is over, of all tenants.
///
/// What goes is the event and its canonical bytes. Its hash stays in the tree, so that every proof of another event and every
/// checkpoint there ever was still stands, and verifying says of the position that it was pruned. The order makes sure of that, wherever
/// a run is cut off:
///
/// 1. An event [`PRUNED`](crate::PRUNED) is recorded that names the positions.
/// 2. Nothing is deleted before a signed checkpoint covers that event. Until then, a run that is cut off has announced what it did not
///    do; the next one does it.
/// 3. The events are deleted in batches, each a transaction. A hold that was placed meanwhile wins: what it is on stays, and another
///    event takes the announcement back for those positions.
///
/// It works under the role [`RETENTION`], to which the database gives nothing whose shortest time is not over, that a hold is on, or
/// that no checkpoint covers. Beyond that the pruner itself opens the checkpoint with the log's key, and leaves an event alone that does
/// not hash to its leaf any more: it is evidence. Events that the sequencer rejected have no place in the tree and are never deleted.
///
/// Two at a time do not harm each other; they announce some events twice.
///
/// ```no_run
/// use platform_audit::{AuditLog, LogKey, PruneError, PruneOptions, Pruner};
/// use platform_core::pg::Db;
///
/// async fn every_night(db: &Db, audit: &AuditLog, key: &LogKey) -> Result<(), PruneError> {
///     let summary = Pruner::new(db, audit, key).run(&PruneOptions::default()).await?;
///     tracing::info!(deleted = summary.deleted, held = summary.held, "pruned the audit trail");
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Pruner {
    pub(super) db: Db,
    pub(super) log: AuditLog,
    pub(super) key: LogKey,
    pub(super) archive: Option<Archive>,
}

impl Pruner {
    /// A pruner that deletes without an archive.
    pub fn new(db: &Db, log: &AuditLog, key: &LogKey) -> Self {
        Self {
            db: db.clone(),
            log: log.clone(),
            key: key.clone(),
            archive: None,
        }
    }

    /// Deletes only what this archive has, signed and whole.
    #[must_use]
    pub fn archived_in(mut self, archive: &Archive) -> Self {
        self.archive = Some(archive.clone());
        self
    }

    /// One run: finishes what earlier ones have announced, announces what is due and deletes it, and drops months that are empty.
    ///
    /// Run it from time to time, such as every night; a run that finds nothing due is cheap.
    ///
    /// # Errors
    /// [`PruneError`]; the next run goes on.
    pub async fn run(&self, options: &PruneOptions) -> Result<PruneSummary, PruneError> {
        let mut run = Run {
            pruner: self,
            options,
            signed: SignedSizes::new(&self.key),
            summary: PruneSummary::default(),
        };
        let before = run.settle().await?;
        run.announce(&before).await?;
        run.wait_and_settle().await?;
        run.drop_months().await?;
        Ok(run.summary)
    }

    pub(super) fn context(&self, tenant: TenantId) -> RequestContext {
        RequestContext::system(tenant, "delete events whose time is over", self.db.sources())
    }
}

/// One run while it lasts.
pub(super) struct Run<'a> {
    pub(super) pruner: &'a Pruner,
    pub(super) options: &'a PruneOptions,
    pub(super) signed: SignedSizes<'a>,
    pub(super) summary: PruneSummary,
}

impl Run<'_> {
    /// Deletes what was announced as soon as it is covered, within the time there is.
    async fn wait_and_settle(&mut self) -> Result<(), PruneError> {
        let ends_at = Instant::now() + self.options.wait;
        loop {
            self.signed.refresh();
            let waiting = self.settle().await?;
            self.summary.waiting = waiting.announcements();
            let now = Instant::now();
            if self.summary.waiting == 0 || now >= ends_at {
                return Ok(());
            }
            sleep_until(ends_at.min(now + LOOK_AGAIN)).await;
        }
    }

    async fn drop_months(&mut self) -> Result<(), DbError> {
        loop {
            let mut tx = self.pruner.db.begin_as(&RETENTION).await?;
            let dropped: Result<i32, sqlx::Error> =
                sqlx::query_scalar("select platform_audit.drop_empty_months()")
                    .fetch_one(&mut tx)
                    .await;
            match dropped.map_err(DbError::from) {
                Ok(0) => return tx.commit().await,
                Ok(_) => tx.commit().await?,
                // Somebody reads events for longer than others may be kept waiting: another time.
                Err(DbError::Timeout(_) | DbError::Retry(_)) => return tx.rollback().await,
                Err(error) => return Err(error),
            }
            self.summary.months_dropped += 1;
        }
    }
}
