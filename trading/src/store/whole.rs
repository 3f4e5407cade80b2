//! Everything of one account.

use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantRead, TenantTx};
use serde_json::Value;
use sqlx::FromRow;

use super::orders::{StoredOrder, select_orders};
use super::positions::PositionRow;
use super::{AccountRow, OrderRow, lock_account_by_id};
use crate::service::AccountId;
use crate::{OrderId, Position};

/// An account with its positions and orders, of one moment.
pub(crate) struct WholeAccount {
    pub(crate) account: AccountRow,
    pub(crate) positions: Vec<Position>,
    pub(crate) orders: Vec<OrderRow>,
}

/// Loads everything of an account under its lock.
pub(crate) async fn load_whole(
    tx: &mut TenantTx,
    account: AccountId,
) -> Result<Option<WholeAccount>, DbError> {
    let Some(row) = lock_account_by_id(tx, account).await? else {
        return Ok(None);
    };
    let positions: Vec<PositionRow> = sqlx::query_as(
        "select symbol, available_e6, held_e6, cost_cents, realized_cents
         from trading.position where tenant_id = $1 and account_id = $2 order by symbol",
    )
    .bind(tx.tenant())
    .bind(account)
    .fetch_all(&mut *tx)
    .await?;
    let orders: Vec<StoredOrder> = sqlx::query_as(select_orders!(
        "where tenant_id = $1 and account_id = $2 order by id"
    ))
    .bind(tx.tenant())
    .bind(account)
    .fetch_all(&mut *tx)
    .await?;
    let orders = orders.into_iter().map(StoredOrder::into_row);
    Ok(Some(WholeAccount {
        account: row,
        positions: positions.into_iter().map(PositionRow::into_position).collect(),
        orders: orders.collect::<Result<_, _>>()?,
    }))
}

/// An event as it is stored.
pub(crate) struct StoredEvent {
    pub(crate) seq: i64,
    pub(crate) kind: String,
    pub(crate) order_id: Option<OrderId>,
    pub(crate) at: Timestamp,
    pub(crate) payload: Value,
}

#[derive(FromRow)]
struct EventRow {
    seq: i64,
    kind: String,
    order_id: Option<OrderId>,
    at: Timestamp,
    payload: String,
}

/// Events of an account in their order, at most `limit`, with numbers from after the first to the second, which is one of them.
pub(crate) async fn events_of_account(
    read: &mut TenantRead,
    account: AccountId,
    (after, upto): (i64, i64),
    limit: u32,
) -> Result<Vec<StoredEvent>, DbError> {
    let rows: Vec<EventRow> = sqlx::query_as(
        "select seq, kind, order_id, at, payload::text as payload from trading.event
         where tenant_id = $1 and account_id = $2 and seq > $3 and seq <= $4 order by seq limit $5",
    )
    .bind(read.tenant())
    .bind(account)
    .bind(after)
    .bind(upto)
    .bind(i64::from(limit))
    .fetch_all(read)
    .await?;
    let events = rows.into_iter().map(|row| {
        let payload =
            serde_json::from_str(&row.payload).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        Ok(StoredEvent {
            seq: row.seq,
            kind: row.kind,
            order_id: row.order_id,
            at: row.at,
            payload,
        })
    });
    events.collect()
}
