//! Working through the tables of a tenant.

use std::time::Duration;

use platform_core::RequestContext;
use platform_core::pg::DbError;

use super::plan::Plan;
use super::retag::Indexed;
use crate::keyring::{KeyError, KeyInfo, Keyring};
use crate::{KeyState, Purpose};

/// How fast a re-seal job works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pacing {
    rows: u32,
    pause: Duration,
}

/// What a step of a re-seal job did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResealStep {
    /// Values that were sealed anew.
    pub moved: u64,
    /// Values that could not be opened.
    pub failed: u64,
    /// Keys of data subjects that were wrapped anew.
    pub rewrapped: u64,
    /// Rows that were tagged anew.
    pub tagged: u64,
}

/// What a re-seal job did from its call to its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resealed {
    /// Values that were sealed anew, by this caller.
    pub moved: u64,
    /// Values that cannot be opened, in all tables. [`Keyring::reseal_failures`] names them.
    pub failed: u64,
    /// Keys of data subjects that were wrapped anew, by this caller.
    pub rewrapped: u64,
    /// Rows that were tagged anew, by this caller.
    pub tagged: u64,
    /// Steps that this caller took.
    pub steps: u64,
}

/// How often in a row a step is tried that lost against a concurrent transaction.
const ATTEMPTS: u32 = 5;

impl Pacing {
    /// So many rows in a transaction (1 to 1,000), and so long a pause after it.
    pub fn new(rows: u32, pause: Duration) -> Self {
        Self {
            rows: rows.clamp(1, 1000),
            pause,
        }
    }

    /// Rows in a transaction.
    pub const fn rows(&self) -> u32 {
        self.rows
    }

    /// The pause between two transactions.
    pub const fn pause(&self) -> Duration {
        self.pause
    }
}

impl Default for Pacing {
    /// 200 rows and 50 ms: some 4,000 rows in a second at the most, beside which a service goes on.
    fn default() -> Self {
        Self::new(200, Duration::from_millis(50))
    }
}

impl Keyring {
    /// Moves every sealed value of the tenant to the version of the data key that seals now, table by table, while others read and
    /// write; then wraps the keys of its data subjects under that version, and tags the rows of blind indexes under the newest index
    /// key. Returns when a whole pass over each table has found nothing left to move.
    ///
    /// A value of a row that is about a data subject stays under the subject's key, and is moved there where it is not.
    ///
    /// A step is a transaction over a bounded number of rows. Where somebody has written a value in the meantime, theirs stays. What
    /// was done is stored with the step: drop the future or kill the process whenever you like, and call it again to go on; several
    /// callers take turns. A value that cannot be opened is counted, [named](Self::reseal_failures) by its row and left as it is.
    ///
    /// Afterwards the older versions can be [destroyed](Self::destroy), unless a value was left behind, once two times-to-live have
    /// passed since they were replaced.
    ///
    /// ```no_run
    /// use platform_core::RequestContext;
    /// use platform_crypto::{KeyError, Keyring, Pacing, Purpose};
    ///
    /// # async fn example(keyring: Keyring, ctx: RequestContext) -> Result<(), KeyError> {
    /// keyring.rotate(&ctx, Purpose::Data).await?;
    /// // … one time-to-live later, when the new version seals:
    /// let resealed = keyring.reseal(&ctx, Pacing::default()).await?;
    /// assert_eq!(resealed.failed, 0);
    /// // … and two times-to-live after the old one was replaced:
    /// keyring.destroy(&ctx, Purpose::Data, 1).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`KeyError`]: what was done stays done; call it again when the cause is gone. [`KeyError::BudgetSpent`] when a key has sealed as
    /// often as it may: the next version is on its way.
    pub async fn reseal(&self, ctx: &RequestContext, pacing: Pacing) -> Result<Resealed, KeyError> {
        self.start_reseal(ctx).await?;
        let mut resealed = Resealed::default();
        let mut lost = 0;
        loop {
            match Box::pin(self.reseal_step(ctx, pacing.rows)).await {
                Ok(Some(step)) => {
                    lost = 0;
                    resealed.moved += step.moved;
                    resealed.rewrapped += step.rewrapped;
                    resealed.tagged += step.tagged;
                    resealed.steps += 1;
                }
                Ok(None) => break,
                Err(error) if lost < ATTEMPTS && lost_a_race(&error) => lost += 1,
                Err(error) => return Err(error),
            }
            tokio::time::sleep(pacing.pause).await;
        }
        for progress in self.reseal_progress(ctx).await? {
            resealed.failed += progress.failed;
        }
        Ok(resealed)
    }

    /// Begins a job for each table of the keyring, towards the version of the data key that seals now, and has those that were
    /// finished look once more. Those that go on are left alone.
    ///
    /// # Errors
    /// As [`reseal`](Self::reseal).
    pub async fn start_reseal(&self, ctx: &RequestContext) -> Result<(), KeyError> {
        let plan = Plan::make(self, ctx).await?;
        for table in &self.inner.tables {
            self.begin_reseal(ctx, &plan, table).await?;
        }
        Ok(())
    }

    /// Does the next step of the jobs that have begun, over at most so many rows (1 to 1,000), at the caller's own pace; `None` when
    /// none is left. A tenant that has nothing to do costs two small queries.
    ///
    /// # Errors
    /// As [`reseal`](Self::reseal).
    pub async fn reseal_step(&self, ctx: &RequestContext, rows: u32) -> Result<Option<ResealStep>, KeyError> {
        let rows = rows.clamp(1, 1000);
        let running = self.running_jobs(ctx).await?;
        for table in self
            .inner
            .tables
            .iter()
            .filter(|table| running.iter().any(|name| name == table.name()))
        {
            let plan = Plan::make(self, ctx).await?;
            if let Some(step) = self.step_table(ctx, &plan, table, rows).await? {
                return Ok(Some(step));
            }
        }
        self.step_beside(ctx, rows).await
    }
}

impl Keyring {
    /// What follows the tables: the keys of data subjects, then the tags of blind indexes. Both know by themselves what is left.
    async fn step_beside(&self, ctx: &RequestContext, rows: u32) -> Result<Option<ResealStep>, KeyError> {
        let keys = self.list(ctx).await?;
        if several(&keys, Purpose::Data) {
            let rewrapped = self.rewrap_subjects(ctx, rows).await?;
            if rewrapped > 0 {
                return Ok(Some(ResealStep {
                    rewrapped: u64::try_from(rewrapped).unwrap_or(u64::MAX),
                    ..ResealStep::default()
                }));
            }
        }
        if !several(&keys, Purpose::Index) {
            return Ok(None);
        }
        for column in self.inner.tables.iter().flat_map(|table| table.columns()) {
            let column = column.parts();
            let Some(index) = &column.index else {
                continue;
            };
            let indexed = Indexed { column, index };
            if let Some(tagged) = self.retag(ctx, &indexed, rows).await? {
                return Ok(Some(ResealStep {
                    tagged,
                    ..ResealStep::default()
                }));
            }
        }
        Ok(None)
    }
}

/// Is there more than one version that can be used?
fn several(keys: &[KeyInfo], purpose: Purpose) -> bool {
    let usable = keys
        .iter()
        .filter(|key| key.purpose == purpose && key.state != KeyState::Destroyed);
    usable.count() > 1
}

/// Deadlocks with a writer are solved by trying again.
fn lost_a_race(error: &KeyError) -> bool {
    matches!(error, KeyError::Db(cause) if matches!(**cause, DbError::Retry(_)))
}
