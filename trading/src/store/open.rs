//! What the matcher has to know of open orders.

use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantTx};
use sqlx::FromRow;
use uuid::Uuid;

use super::OrderRow;
use super::orders::damaged;
use crate::service::AccountId;
use crate::{OrderId, OrderStatus, Price, Quantity, Side, Symbol};

/// An order by what decides when it is tried.
#[derive(Debug, Clone)]
pub(crate) struct OpenRow {
    pub(crate) account: AccountId,
    pub(crate) id: OrderId,
    pub(crate) symbol: Symbol,
    pub(crate) side: Side,
    pub(crate) status: OrderStatus,
    pub(crate) worst_price: Option<Price>,
    /// The stop that it waits for.
    pub(crate) awaited_stop: Option<Price>,
    pub(crate) leaves: Quantity,
    pub(crate) last_quote_seq: u64,
    /// Since when it has its place among the orders with the same price.
    pub(crate) queued_at: Timestamp,
    pub(crate) accepted_at: Timestamp,
    pub(crate) opens_at: Option<Timestamp>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) updated_at: Timestamp,
    pub(crate) version: i32,
}

impl From<&OrderRow> for OpenRow {
    fn from(row: &OrderRow) -> Self {
        let order = &row.order;
        Self {
            account: row.account_id,
            id: order.intake.order_id,
            symbol: order.terms().symbol(),
            side: order.terms().side(),
            status: order.status,
            worst_price: order.intake.worst_price,
            awaited_stop: order.awaited_stop(),
            leaves: order.leaves(),
            last_quote_seq: order.last_quote_seq,
            queued_at: row.queued_at(),
            accepted_at: row.accepted_at,
            opens_at: row.opens_at,
            expires_at: row.expires_at,
            updated_at: row.updated_at,
            version: row.version,
        }
    }
}

#[derive(FromRow)]
struct StoredOpen {
    id: OrderId,
    account_id: AccountId,
    symbol: Symbol,
    side: Side,
    status: OrderStatus,
    worst_price_e4: Option<Price>,
    awaited_stop_e4: Option<Price>,
    leaves_e6: Quantity,
    last_quote_seq: i64,
    queued_at: Timestamp,
    accepted_at: Timestamp,
    opens_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    updated_at: Timestamp,
    version: i32,
}

impl StoredOpen {
    fn into_row(self) -> Result<OpenRow, DbError> {
        Ok(OpenRow {
            account: self.account_id,
            id: self.id,
            symbol: self.symbol,
            side: self.side,
            status: self.status,
            worst_price: self.worst_price_e4,
            awaited_stop: self.awaited_stop_e4,
            leaves: self.leaves_e6,
            last_quote_seq: u64::try_from(self.last_quote_seq).map_err(damaged)?,
            queued_at: self.queued_at,
            accepted_at: self.accepted_at,
            opens_at: self.opens_at,
            expires_at: self.expires_at,
            updated_at: self.updated_at,
            version: self.version,
        })
    }
}

/// Open orders of the tenant in the order of their ids, at most `limit` after `after`, but for those of some symbols: what the matcher
/// starts from.
pub(crate) async fn open_orders(
    tx: &mut TenantTx,
    (after, limit): (Option<OrderId>, i64),
    without: &[Symbol],
) -> Result<Vec<OpenRow>, DbError> {
    let rows: Vec<StoredOpen> = sqlx::query_as(
        "select id, account_id, symbol, side, status, worst_price_e4,
                case when elected_quote_seq is null then stop_price_e4 end as awaited_stop_e4,
                quantity_e6 - filled_e6 as leaves_e6, last_quote_seq, coalesce(requeued_at, accepted_at) as queued_at,
                accepted_at, opens_at, expires_at, updated_at, version
         from trading.orders
         where tenant_id = $1 and status in ('pending', 'submitted', 'partial') and id > $2 and symbol <> all ($3)
         order by id limit $4",
    )
    .bind(tx.tenant())
    // Every id comes after this one.
    .bind(after.unwrap_or_else(|| OrderId::from_stored(Uuid::nil())))
    .bind(without)
    .bind(limit)
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(StoredOpen::into_row).collect()
}
