//! Signed heads as they are stored.

use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantRead};

use crate::{AuditLog, NodeHash, TreeHead};

/// A signed head of the tenant's log, as the database has it. Only its note proves anything, and only to whoever verifies it with a
/// key that came from elsewhere: see [`Checkpoint::open`](crate::Checkpoint::open).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// The size and root that the columns say.
    pub head: TreeHead,
    /// The signed note.
    pub note: String,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// When it had been put outside of the database; `None` until then.
    pub published_at: Option<Timestamp>,
}

impl AuditLog {
    /// The newest signed checkpoint; `None` before the first.
    ///
    /// # Errors
    /// [`DbError`] as the database gives it.
    pub async fn checkpoint(&self, read: &mut TenantRead) -> Result<Option<StoredCheckpoint>, DbError> {
        let newest = self.checkpoints(read, None, 1).await?;
        Ok(newest.into_iter().next())
    }

    /// Signed checkpoints, the newest first: those smaller than `below`, 200 at most.
    ///
    /// # Errors
    /// [`DbError`] as the database gives it.
    pub async fn checkpoints(
        &self,
        read: &mut TenantRead,
        below: Option<u64>,
        limit: u32,
    ) -> Result<Vec<StoredCheckpoint>, DbError> {
        let below = below.map_or(i64::MAX, |below| i64::try_from(below).unwrap_or(i64::MAX));
        let rows: Vec<Row> = sqlx::query_as(
            "select size, root, note, signed_at, published_at
             from platform_audit.checkpoint
             where tenant_id = $1 and size < $2
             order by size desc
             limit $3",
        )
        .bind(read.tenant())
        .bind(below)
        .bind(i64::from(limit.min(CHECKPOINTS_MAX)))
        .fetch_all(&mut *read)
        .await?;
        rows.into_iter().map(Row::into_checkpoint).collect()
    }
}

const CHECKPOINTS_MAX: u32 = 200;

#[derive(sqlx::FromRow)]
struct Row {
    size: i64,
    root: Vec<u8>,
    note: String,
    signed_at: Timestamp,
    published_at: Option<Timestamp>,
}

impl Row {
    fn into_checkpoint(self) -> Result<StoredCheckpoint, DbError> {
        let size = u64::try_from(self.size).map_err(|error| unreadable("size", error))?;
        let root = NodeHash::from_slice(&self.root).map_err(|error| unreadable("root", error))?;
        Ok(StoredCheckpoint {
            head: TreeHead { size, root },
            note: self.note,
            signed_at: self.signed_at,
            published_at: self.published_at,
        })
    }
}

fn unreadable(column: &str, error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: Box::new(error),
    }
}
