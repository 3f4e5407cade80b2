//! The event log of accounts, as their owners follow it.

use platform_core::pg::{DbError, TenantRead};
use platform_core::{PrincipalId, Timestamp};
use sqlx::FromRow;

use crate::OrderId;

/// An event with its payload as JSON text.
#[derive(FromRow)]
pub(crate) struct StreamedEvent {
    pub(crate) seq: i64,
    pub(crate) kind: String,
    pub(crate) order_id: Option<OrderId>,
    pub(crate) at: Timestamp,
    pub(crate) payload: String,
}

/// The events of the account of a principal, oldest first, at most `limit` after the number `after`.
pub(crate) async fn events_of_owner(
    read: &mut TenantRead,
    owner: PrincipalId,
    (after, limit): (i64, u32),
) -> Result<Vec<StreamedEvent>, DbError> {
    let events = sqlx::query_as(
        "select e.seq, e.kind, e.order_id, e.at, e.payload::text as payload
         from trading.account a
         join trading.event e on e.tenant_id = a.tenant_id and e.account_id = a.id
         where a.tenant_id = $1 and e.tenant_id = $1 and a.owner_id = $2 and e.seq > $3 order by e.seq limit $4",
    )
    .bind(read.tenant())
    .bind(owner)
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(read)
    .await?;
    Ok(events)
}

/// The number of the last event of each of these principals' accounts; those without one are left out.
pub(crate) async fn last_event_seqs(
    read: &mut TenantRead,
    owners: &[PrincipalId],
) -> Result<Vec<(PrincipalId, i64)>, DbError> {
    let seqs = sqlx::query_as(
        "select owner_id, event_seq from trading.account where tenant_id = $1 and owner_id = any($2)",
    )
    .bind(read.tenant())
    .bind(owners)
    .fetch_all(read)
    .await?;
    Ok(seqs)
}
