//! The partitions of the coming months.

use platform_core::pg::DbError;

use super::sequencer::Sequencer;
use crate::RETENTION;

impl Sequencer {
    /// Makes the partitions of this month and the three after it, those that are missing, and tells how many that were.
    /// [`run`](Self::run) does so daily.
    ///
    /// Events of a month without a partition are kept all the same, where they cannot be dropped by the month.
    ///
    /// # Errors
    /// [`DbError`]; [`DbError::Timeout`] when the tables are locked by others for longer than two seconds.
    pub async fn keep_months_ahead(&self) -> Result<u32, DbError> {
        let mut tx = self.db.begin_as(&RETENTION).await?;
        let made: i32 = sqlx::query_scalar("select platform_audit.keep_months_ahead()")
            .fetch_one(&mut tx)
            .await?;
        tx.commit().await?;
        Ok(u32::try_from(made).unwrap_or(0))
    }
}
