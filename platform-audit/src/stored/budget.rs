//! How much of a stored trail may be in memory.

use futures::TryStreamExt as _;
use platform_core::pg::{DbError, TenantRead};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Executor as _, Postgres, Row as _};

/// How many bytes of rows are read for a window. While one is compared, the next one is read.
pub(super) const WINDOW_BYTES: usize = 8 * 1024 * 1024;

/// Bytes that may still be read.
#[derive(Debug)]
pub(super) struct Budget {
    left: usize,
    /// Whether rows that go beyond it are left out, rather than all of them.
    keeps_some: bool,
}

impl Budget {
    /// For a window: with more than that, nothing is read.
    pub(super) const fn window() -> Self {
        Self {
            left: WINDOW_BYTES,
            keeps_some: false,
        }
    }

    /// For what cannot be made smaller, such as a single position. Where more rows stand than that, they stand there more than once, and
    /// the first of them say so.
    pub(super) const fn single() -> Self {
        Self {
            left: WINDOW_BYTES,
            keeps_some: true,
        }
    }

    /// The rows of a statement; `None` when they are too large. Rows are counted as they come, because whoever has every right on the
    /// database decides how large they are.
    pub(super) async fn fetch(
        &mut self,
        read: &mut TenantRead,
        query: Query<'_, Postgres, PgArguments>,
    ) -> Result<Option<Vec<PgRow>>, DbError> {
        let mut rows = Vec::new();
        let mut coming = (&mut *read).fetch(query);
        while let Some(row) = coming.try_next().await? {
            match self.left.checked_sub(bytes(&row)?) {
                Some(left) => self.left = left,
                None if self.keeps_some => {
                    // Rows of one kind do not hide those of another.
                    self.left = WINDOW_BYTES;
                    break;
                }
                None => return Ok(None),
            }
            rows.push(row);
        }
        Ok(Some(rows))
    }
}

/// What a row takes: its values, and what is kept beside each.
fn bytes(row: &PgRow) -> Result<usize, sqlx::Error> {
    const BESIDE: usize = 16;
    (0..row.len()).try_fold(0_usize, |sum, column| {
        let value = row.try_get_raw(column)?;
        let length = value.as_bytes().map_or(0, <[u8]>::len);
        Ok(sum.saturating_add(length).saturating_add(BESIDE))
    })
}
