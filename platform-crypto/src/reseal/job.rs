//! How far a table is.

use platform_core::pg::TenantTx;
use platform_core::uuid::Uuid;
use platform_core::{RequestContext, Timestamp};

use super::failure::NAMED_MAX;
use super::progress::ResealState;
use crate::SealedTable;
use crate::keyring::{KeyError, Keyring};

/// A table on its way to a version of the tenant's data key. Its row is locked for as long as a step takes.
pub(super) struct Job {
    pub(super) table: &'static str,
    pub(super) to_version: u32,
    pub(super) state: ResealState,
    pub(super) pass: i64,
    /// Where the pass goes on.
    pub(super) next_row: Uuid,
    pub(super) pass_moved: u64,
    pub(super) pass_failed: u64,
    pub(super) done: u64,
}

type Stored = (i64, String, i64, Uuid, i64, i64, i64);

impl Keyring {
    /// The tables of the tenant whose jobs go on.
    pub(super) async fn running_jobs(&self, ctx: &RequestContext) -> Result<Vec<String>, KeyError> {
        let mut read = self.inner.db.read(ctx).await?;
        let running = sqlx::query_scalar(
            "select distinct table_name from platform_crypto.reseal_job where tenant_id = $1 and state = 'running'",
        )
        .bind(read.tenant())
        .fetch_all(&mut read)
        .await?;
        read.finish().await?;
        Ok(running)
    }
}

impl Job {
    /// Makes the job for a version unless there is one, and takes the place of those for versions before it. Says whether it began
    /// now.
    pub(super) async fn open(
        tx: &mut TenantTx,
        table: &'static SealedTable,
        to_version: u32,
        now: Timestamp,
    ) -> Result<bool, KeyError> {
        let made = sqlx::query(
            "insert into platform_crypto.reseal_job (tenant_id, table_name, to_version, state, started_at, updated_at)
             values ($1, $2, $3, 'running', $4, $4) on conflict do nothing",
        )
        .bind(tx.tenant())
        .bind(table.name())
        .bind(i64::from(to_version))
        .bind(now)
        .execute(&mut *tx)
        .await?;
        if made.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query(
            "update platform_crypto.reseal_job set state = 'superseded', updated_at = $4
             where tenant_id = $1 and table_name = $2 and to_version < $3 and state = 'running'",
        )
        .bind(tx.tenant())
        .bind(table.name())
        .bind(i64::from(to_version))
        .bind(now)
        .execute(tx)
        .await?;
        Ok(true)
    }

    /// The job of a table for the newest version there is one for, locked.
    pub(super) async fn lock(
        tx: &mut TenantTx,
        table: &'static SealedTable,
    ) -> Result<Option<Self>, KeyError> {
        let stored: Option<Stored> = sqlx::query_as(
            "select to_version, state, pass, next_row, pass_moved, pass_failed, done
             from platform_crypto.reseal_job where tenant_id = $1 and table_name = $2
             order by to_version desc limit 1 for update",
        )
        .bind(tx.tenant())
        .bind(table.name())
        .fetch_optional(tx)
        .await?;
        stored.map(|stored| Self::read(table.name(), stored)).transpose()
    }

    fn read(table: &'static str, stored: Stored) -> Result<Self, KeyError> {
        let (to_version, state, pass, next_row, pass_moved, pass_failed, done) = stored;
        let count = |stored: i64| u64::try_from(stored).map_err(|_| KeyError::Corrupt);
        Ok(Self {
            table,
            to_version: u32::try_from(to_version).map_err(|_| KeyError::Corrupt)?,
            state: ResealState::parse(&state).ok_or(KeyError::Corrupt)?,
            pass,
            next_row,
            pass_moved: count(pass_moved)?,
            pass_failed: count(pass_failed)?,
            done: count(done)?,
        })
    }

    /// Goes over the table once more.
    pub(super) fn begin_pass(&mut self) {
        self.state = ResealState::Running;
        self.pass += 1;
        self.next_row = Uuid::nil();
        self.pass_moved = 0;
        self.pass_failed = 0;
    }

    /// How many more values that could not be opened this pass may name.
    pub(super) fn may_name(&self) -> usize {
        usize::try_from(NAMED_MAX.saturating_sub(self.pass_failed)).unwrap_or(0)
    }

    /// Stores how far it is.
    pub(super) async fn save(&self, tx: &mut TenantTx, now: Timestamp) -> Result<(), KeyError> {
        let stored = |count: u64| i64::try_from(count).map_err(|_| KeyError::Corrupt);
        sqlx::query(
            "update platform_crypto.reseal_job
             set state = $4, pass = $5, next_row = $6, pass_moved = $7, pass_failed = $8, done = $9, updated_at = $10,
                 finished_at = case when $4 = 'finished' then $10 end
             where tenant_id = $1 and table_name = $2 and to_version = $3",
        )
        .bind(tx.tenant())
        .bind(self.table)
        .bind(i64::from(self.to_version))
        .bind(self.state.as_str())
        .bind(self.pass)
        .bind(self.next_row)
        .bind(stored(self.pass_moved)?)
        .bind(stored(self.pass_failed)?)
        .bind(stored(self.done)?)
        .bind(now)
        .execute(tx)
        .await?;
        Ok(())
    }
}
