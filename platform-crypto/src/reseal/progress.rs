//! How far re-sealing is, for those who watch it.

use platform_core::pg::TenantRead;
use platform_core::uuid::Uuid;
use platform_core::{RequestContext, Timestamp};

use super::page;
use crate::SealedTable;
use crate::keyring::{KeyError, Keyring};

/// Rows that are left are counted no further.
const REMAINING_MAX: i64 = 100_000;

/// How far a table's sealed values have been moved to a version of the tenant's data key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResealProgress {
    /// The table, with its schema.
    pub table: String,
    /// The version of the data key that its values are moved to.
    pub to_version: u32,
    /// Whether it goes on.
    pub state: ResealState,
    /// Which pass over the table this is. The last one finds nothing left to do.
    pub pass: u32,
    /// Values that were sealed anew, in all passes.
    pub done: u64,
    /// Values that could not be opened, in this pass. [`Keyring::reseal_failures`] names them.
    pub failed: u64,
    /// Rows that this pass has not looked at yet, counted up to 100,000. `None` when it does not go on, or this program does not know
    /// the table.
    pub remaining: Option<u64>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it last did something.
    pub updated_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// Whether a job goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResealState {
    /// It has begun and is not at its end.
    Running,
    /// A whole pass has found nothing left to move.
    Finished,
    /// A job for a newer version has taken its place.
    Superseded,
}

impl ResealState {
    /// The word that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Superseded => "superseded",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        [Self::Running, Self::Finished, Self::Superseded]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

#[derive(sqlx::FromRow)]
struct Stored {
    table_name: String,
    to_version: i64,
    state: String,
    pass: i64,
    next_row: Uuid,
    pass_failed: i64,
    done: i64,
    started_at: Timestamp,
    updated_at: Timestamp,
    finished_at: Option<Timestamp>,
}

impl Keyring {
    /// How far the re-sealing of the tenant's tables is: the newest job of each, by the table's name.
    ///
    /// # Errors
    /// [`KeyError::Db`] when the database fails.
    pub async fn reseal_progress(&self, ctx: &RequestContext) -> Result<Vec<ResealProgress>, KeyError> {
        let mut read = self.inner.db.read(ctx).await?;
        let stored: Vec<Stored> = sqlx::query_as(
            "select distinct on (table_name)
                 table_name, to_version, state, pass, next_row, pass_failed, done, started_at, updated_at, finished_at
             from platform_crypto.reseal_job where tenant_id = $1 order by table_name, to_version desc limit 1000",
        )
        .bind(read.tenant())
        .fetch_all(&mut read)
        .await?;
        let mut progress = Vec::with_capacity(stored.len());
        for one in stored {
            let table = self
                .inner
                .tables
                .iter()
                .find(|table| table.name() == one.table_name);
            progress.push(progress_of(&mut read, table.copied(), one).await?);
        }
        read.finish().await?;
        Ok(progress)
    }
}

async fn progress_of(
    read: &mut TenantRead,
    table: Option<&'static SealedTable>,
    stored: Stored,
) -> Result<ResealProgress, KeyError> {
    let state = ResealState::parse(&stored.state).ok_or(KeyError::Corrupt)?;
    let remaining = match table {
        Some(table) if state == ResealState::Running => {
            Some(page::remaining(read, table.parts(), stored.next_row, REMAINING_MAX).await?)
        }
        _ => None,
    };
    Ok(ResealProgress {
        table: stored.table_name,
        to_version: u32::try_from(stored.to_version).map_err(|_| KeyError::Corrupt)?,
        state,
        pass: u32::try_from(stored.pass).map_err(|_| KeyError::Corrupt)?,
        done: u64::try_from(stored.done).map_err(|_| KeyError::Corrupt)?,
        failed: u64::try_from(stored.pass_failed).map_err(|_| KeyError::Corrupt)?,
        remaining,
        started_at: stored.started_at,
        updated_at: stored.updated_at,
        finished_at: stored.finished_at,
    })
}
