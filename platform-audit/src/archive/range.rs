//! Which positions of a log belong to a month.

use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantRead};

use super::ArchiveMonth;

/// The positions of a month: from the first on, below the end, which is the size of a checkpoint. Those of one month end where those of
/// the next begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MonthRange {
    pub(super) first: u64,
    pub(super) end: u64,
}

/// The first position that was given at a time or later, or else the first that was not given yet. Positions are given in the order of
/// time, so half of what is left is ruled out by every look; always the same ones, whatever the log has grown to meanwhile.
const FIRST_SINCE: &str = "
  with recursive probe (low, high) as (
    select 0::bigint, 1::bigint << 62
    union all
    select case when is_later then low else middle + 1 end, case when is_later then middle else high end
    from (select low, high, (low + high) / 2 as middle from probe where low < high) halves
    cross join lateral (
      select coalesce(
        (select sequenced_at >= $2 from platform_audit.leaf where tenant_id = $1 and seq = middle), true
      ) as is_later
    ) looked
  )
  select low from probe where low = high";

/// The positions that were given in the month, up to the first checkpoint that covers them; `None` when there is none yet.
pub(super) async fn of_month(
    read: &mut TenantRead,
    month: ArchiveMonth,
) -> Result<Option<MonthRange>, DbError> {
    let Some(first) = covered(read, month.begins_at()).await? else {
        return Ok(None);
    };
    let Some(end) = covered(read, month.ends_at()).await? else {
        return Ok(None);
    };
    Ok(Some(MonthRange { first, end }))
}

/// The smallest signed size that has every position given before this time.
async fn covered(read: &mut TenantRead, at: Timestamp) -> Result<Option<u64>, DbError> {
    let first: i64 = sqlx::query_scalar(FIRST_SINCE)
        .bind(read.tenant())
        .bind(at)
        .fetch_one(&mut *read)
        .await?;
    if first == 0 {
        return Ok(Some(0));
    }
    let size: Option<i64> = sqlx::query_scalar(
        "select min(size) from platform_audit.checkpoint where tenant_id = $1 and size >= $2",
    )
    .bind(read.tenant())
    .bind(first)
    .fetch_one(&mut *read)
    .await?;
    Ok(size.and_then(|size| u64::try_from(size).ok()))
}

/// Whether events that were recorded before this time still wait for their position.
pub(super) async fn waits(read: &mut TenantRead, at: Timestamp) -> Result<bool, DbError> {
    let waits = sqlx::query_scalar(
        "select exists (select from platform_audit.pending where tenant_id = $1 and recorded_at < $2)",
    );
    Ok(waits.bind(read.tenant()).bind(at).fetch_one(&mut *read).await?)
}

/// The month in which the first position of the log was given; `None` when there is none.
pub(super) async fn first_month(read: &mut TenantRead) -> Result<Option<ArchiveMonth>, DbError> {
    let at: Option<Timestamp> = sqlx::query_scalar(
        "select sequenced_at from platform_audit.leaf where tenant_id = $1 order by seq limit 1",
    )
    .bind(read.tenant())
    .fetch_optional(&mut *read)
    .await?;
    Ok(at.map(ArchiveMonth::of))
}
