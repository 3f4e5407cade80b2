//! A step of a job: some rows of a table, in one transaction.

use platform_core::pg::TenantTx;
use platform_core::uuid::Uuid;
use platform_core::{RequestContext, Timestamp};
use serde_json::json;

use super::classify::Class;
use super::job::Job;
use super::page::{self, Row};
use super::plan::Plan;
use super::progress::ResealState;
use super::sealing::{Made, Sealing};
use super::{ResealFailure, ResealStep, failure};
use crate::keyring::{KeyError, KeyEvent, KeyEventKind, Keyring};
use crate::{SealedColumn, SealedTable};

/// Stale values that a step reads, in bytes; a single larger one is a step of its own.
const STEP_BYTES_MAX: usize = 4 << 20;

/// A value that is sealed anew: its row, and whom that is about.
pub(super) struct Stale {
    pub(super) row: Uuid,
    pub(super) subject: Option<Uuid>,
}

/// What a look at some rows found.
struct Found {
    /// What is sealed anew, for each column of the table.
    stale: Vec<Vec<Stale>>,
    failures: Vec<ResealFailure>,
    /// Where the next step goes on; `None` at the end of the table.
    next_row: Option<Uuid>,
}

impl Keyring {
    /// Begins a job for a table, or goes over it once more when it was at its end. One that goes on is left alone.
    pub(super) async fn begin_reseal(
        &self,
        ctx: &RequestContext,
        plan: &Plan,
        table: &'static SealedTable,
    ) -> Result<(), KeyError> {
        let now = self.inner.sources.now();
        let mut tx = self.inner.db.begin(ctx).await?;
        if Job::open(&mut tx, table, plan.to_version, now).await? {
            self.record_reseal(&mut tx, ctx, KeyEventKind::ResealStart, table, plan.to_version, 0)
                .await?;
        } else if let Some(mut job) = Job::lock(&mut tx, table).await?
            && job.state == ResealState::Finished
        {
            begin_pass(&mut tx, &mut job, now).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Does a step of the table's job; `None` when it has none that goes on.
    pub(super) async fn step_table(
        &self,
        ctx: &RequestContext,
        plan: &Plan,
        table: &'static SealedTable,
        rows: u32,
    ) -> Result<Option<ResealStep>, KeyError> {
        let now = self.inner.sources.now();
        let mut tx = self.inner.db.begin(ctx).await?;
        // The lock of the job's row is what keeps two workers apart.
        let job = Job::lock(&mut tx, table).await?;
        let Some(mut job) = job.filter(|job| job.state == ResealState::Running) else {
            tx.rollback().await?;
            return Ok(None);
        };
        if job.to_version > plan.to_version {
            // Another process has seen a rotation that this one has not: its plan is out of date, and the next one will not be.
            tx.rollback().await?;
            self.invalidate(ctx.tenant()).await;
            return Ok(Some(ResealStep::default()));
        }
        if job.to_version < plan.to_version {
            if Job::open(&mut tx, table, plan.to_version, now).await? {
                self.record_reseal(&mut tx, ctx, KeyEventKind::ResealStart, table, plan.to_version, 0)
                    .await?;
            }
            tx.commit().await?;
            return Ok(Some(ResealStep::default()));
        }
        let found = look(&mut tx, plan, table, job.next_row, rows).await?;
        let mut sealing = Sealing::new(self, ctx, plan);
        let mut made = Made::default();
        for (column, stale) in table.columns().iter().zip(&found.stale) {
            made.add(seal_column(&mut tx, &mut sealing, column, stale).await?);
        }
        let failures: Vec<ResealFailure> = found.failures.into_iter().chain(made.failures).collect();
        failure::record(&mut tx, &job, &failures, now).await?;
        let step = ResealStep {
            moved: made.moved,
            failed: failures.len() as u64,
        };
        job.pass_moved += made.tried;
        job.pass_failed += step.failed;
        job.done += step.moved;
        match found.next_row {
            Some(next) => job.next_row = next,
            None if job.pass_moved > 0 => begin_pass(&mut tx, &mut job, now).await?,
            None => {
                job.state = ResealState::Finished;
                self.record_reseal(&mut tx, ctx, KeyEventKind::ResealFinish, table, job.to_version, job.done)
                    .await?;
            }
        }
        job.save(&mut tx, now).await?;
        tx.commit().await?;
        Ok(Some(step))
    }
}
