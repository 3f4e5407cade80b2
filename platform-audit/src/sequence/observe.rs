//! How much is waiting, and how the sequencer is.

use std::time::Duration;

use platform_core::pg::DbError;

use super::health::{Backlog, SequencerHealth};
use super::sequencer::Sequencer;
use crate::SEQUENCER;

/// So many events are counted.
const COUNTED_MAX: i64 = 100_000;

impl Sequencer {
    /// How it is, as its last round left it.
    pub fn health(&self) -> SequencerHealth {
        self.health.get()
    }

    /// Looks how many events wait, of all tenants, and how long already; then it is in the metrics and the health too.
    ///
    /// # Errors
    /// [`DbError`] as the database gives it.
    pub async fn observe(&self) -> Result<Backlog, DbError> {
        let mut tx = self.db.begin_as(&SEQUENCER).await?;
        let (events, lag_ms): (i64, i64) = sqlx::query_as(
            "select count(*), coalesce(
               greatest(extract(epoch from clock_timestamp() - min(recorded_at)) * 1000, 0), 0
             )::bigint
             from (select p.recorded_at from platform_audit.pending p where isfinite(p.recorded_at) limit $1) as counted",
        )
        .bind(COUNTED_MAX)
        .fetch_one(&mut tx)
        .await?;
        tx.rollback().await?;
        let backlog = Backlog {
            events: u32::try_from(events).unwrap_or(u32::MAX),
            lag: Duration::from_millis(u64::try_from(lag_ms).unwrap_or(0)),
        };
        self.health.backlog(backlog);
        self.metrics.backlog(backlog);
        Ok(backlog)
    }
}
