//! A step of a job: some rows of a table, in one transaction.

use std::collections::HashMap;

use platform_core::RequestContext;
use platform_core::pg::TenantTx;
use platform_core::uuid::Uuid;
use serde_json::json;

use super::classify::Class;
use super::job::Job;
use super::page;
use super::plan::Plan;
use super::progress::ResealState;
use super::sealing::Sealers;
use super::{FailureReason, ResealFailure, ResealStep, failure};
use crate::keyring::{KeyError, KeyEvent, KeyEventKind, Keyring};
use crate::{KeyId, SealedColumn, SealedTable, SubjectId};

/// Stale values that a step reads, in bytes; a single larger one is a step of its own.
const STEP_BYTES_MAX: usize = 4 << 20;

/// What a look at some rows found.
struct Found {
    /// What is sealed anew, for each column of the table.
    stale: Vec<Vec<Uuid>>,
    /// Whom these rows are about, where they say so.
    subjects: HashMap<Uuid, SubjectId>,
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
        let began = Job::open(&mut tx, table, plan.to_version, now).await?;
        if let Some(mut job) = Job::lock(&mut tx, table).await? {
            if began {
                self.record_reseal(&mut tx, ctx, KeyEventKind::ResealStart, &job)
                    .await?;
            } else if job.state == ResealState::Finished {
                begin_pass(&mut tx, &mut job).await?;
                job.save(&mut tx, now).await?;
                self.record_reseal(&mut tx, ctx, KeyEventKind::ResealStart, &job)
                    .await?;
            }
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
            tx.rollback().await?;
            self.begin_reseal(ctx, plan, table).await?;
            return Ok(Some(ResealStep::default()));
        }
        let found = look(&mut tx, plan, table, job.next_row, rows).await?;
        let mut sealers = Sealers::new(plan);
        sealers
            .load(self, &mut tx, ctx, found.subjects.values().copied())
            .await?;
        let mut made = Made::default();
        for (column, stale) in table.columns().iter().zip(&found.stale) {
            made.reseal(&mut tx, &sealers, column, stale, &found.subjects)
                .await?;
        }
        if let (Some(key), 0) = (made.spent, made.moved) {
            return Err(KeyError::BudgetSpent(key));
        }
        let failures: Vec<ResealFailure> = found.failures.into_iter().chain(made.failures).collect();
        failure::record(&mut tx, &job, &failures, now).await?;
        let step = ResealStep {
            moved: made.moved,
            failed: u64::try_from(failures.len()).unwrap_or(u64::MAX),
            ..ResealStep::default()
        };
        job.pass_moved += made.tried;
        job.pass_failed += step.failed;
        job.done += step.moved;
        match found.next_row {
            Some(next) => job.next_row = next,
            None if job.pass_moved > 0 => begin_pass(&mut tx, &mut job).await?,
            None => {
                job.state = ResealState::Finished;
                self.record_reseal(&mut tx, ctx, KeyEventKind::ResealFinish, &job)
                    .await?;
            }
        }
        job.save(&mut tx, now).await?;
        tx.commit().await?;
        Ok(Some(step))
    }

    async fn record_reseal(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        kind: KeyEventKind,
        job: &Job,
    ) -> Result<(), KeyError> {
        let detail = json!({
            "to_version": job.to_version,
            "passes": job.pass,
            "done": job.done,
            "failed": job.pass_failed,
        });
        let event = KeyEvent::new(kind, "table", job.table).detail(detail);
        Ok(self.inner.log.record(tx, ctx, &event).await?)
    }
}

async fn begin_pass(tx: &mut TenantTx, job: &mut Job) -> Result<(), KeyError> {
    failure::forget(tx, job).await?;
    job.begin_pass();
    Ok(())
}

/// Looks at the next rows, as far as what is stale in them is not too much for one step.
async fn look(
    tx: &mut TenantTx,
    plan: &Plan,
    table: &'static SealedTable,
    from: Uuid,
    limit: u32,
) -> Result<Found, KeyError> {
    let rows = page::read(tx, table.parts(), from, limit).await?;
    let is_last_page = rows.len() < usize::try_from(limit).unwrap_or(usize::MAX);
    let columns = table.columns();
    let mut found = Found {
        stale: columns.iter().map(|_| Vec::new()).collect(),
        subjects: HashMap::new(),
        failures: Vec::new(),
        next_row: None,
    };
    // Under keys that are none of the tenant's own.
    let mut others = Vec::new();
    let mut bytes = 0_usize;
    let mut looked_at = 0;
    for row in &rows {
        if bytes >= STEP_BYTES_MAX {
            break;
        }
        looked_at += 1;
        for (index, glance) in row.values.iter().enumerate() {
            let Some(glance) = glance else { continue };
            match plan.classify(glance, row.subject.is_some()) {
                Class::Fine => {}
                Class::Other(key) => others.push((row.id, index, key)),
                Class::Stale => {
                    bytes = bytes.saturating_add(glance.size);
                    found.stale[index].push(row.id);
                    found
                        .subjects
                        .extend(row.subject.map(|subject| (row.id, subject)));
                }
                Class::Broken(reason, key) => found.fail(row.id, &columns[index], reason, key),
            }
        }
    }
    let keys = others.iter().map(|(_, _, key)| *key).collect();
    let nobodys = page::of_nobody(tx, &keys).await?;
    for (row, index, key) in others {
        if nobodys.contains(&key) {
            found.fail(row, &columns[index], FailureReason::UnknownKey, Some(key));
        }
    }
    found.next_row = match rows.get(looked_at) {
        Some(next) => Some(next.id),
        None if is_last_page => None,
        None => rows.last().and_then(|last| after(last.id)),
    };
    Ok(found)
}

impl Found {
    fn fail(&mut self, row: Uuid, column: &SealedColumn, reason: FailureReason, key: Option<KeyId>) {
        self.failures.push(ResealFailure {
            row: row.into(),
            column: column.name().to_owned(),
            reason,
            key,
        });
    }
}

/// The id that follows; none after the highest.
fn after(id: Uuid) -> Option<Uuid> {
    id.as_u128().checked_add(1).map(Uuid::from_u128)
}

/// What a step did.
#[derive(Default)]
struct Made {
    /// Values that were found stale; a concurrent write may have been faster for some of them.
    tried: u64,
    moved: u64,
    failures: Vec<ResealFailure>,
    spent: Option<KeyId>,
}

impl Made {
    async fn reseal(
        &mut self,
        tx: &mut TenantTx,
        sealers: &Sealers<'_>,
        column: &SealedColumn,
        stale: &[Uuid],
        subjects: &HashMap<Uuid, SubjectId>,
    ) -> Result<(), KeyError> {
        if stale.is_empty() {
            return Ok(());
        }
        let values = page::fetch(tx, column.parts(), stale).await?;
        let found = values.len();
        let outcome = sealers.reseal(column.parts(), values, subjects)?;
        // What does not open is no reason for another pass.
        let tried = found.saturating_sub(outcome.failures.len());
        self.tried += u64::try_from(tried).unwrap_or(u64::MAX);
        if !outcome.moves.is_empty() {
            self.moved += page::swap(tx, column.parts(), &outcome.moves).await?;
        }
        self.failures.extend(outcome.failures);
        self.spent = self.spent.or(outcome.spent);
        Ok(())
    }
}
