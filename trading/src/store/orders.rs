//! The tables `trading.orders` and `trading.execution`.

use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantRead, TenantTx};
use sqlx::FromRow;

use crate::service::{AccountId, ExecutionView};
use crate::{
    Cents, Execution, ExecutionId, Intake, Notional, Order, OrderId, OrderStatus, OrderTerms, OrderType,
    Price, Pricing, Quantity, Reason, Side, Symbol, TimeInForce,
};

/// The columns of an order, in the order of [`OrderRow`]. The notional is read as text: it is wider than a bigint.
macro_rules! select_orders {
    ($rest:literal) => {
        concat!(
            "select id, account_id, client_order_id, symbol, side, order_type, time_in_force, quantity_e6, limit_price_e4, ",
            "stop_price_e4, worst_price_e4, status, reason, filled_e6, filled_notional_e10::text as filled_notional_e10, ",
            "hold_cents, fees_cents, accepted_quote_seq, last_quote_seq, elected_quote_seq, accepted_at, opens_at, requeued_at, ",
            "expires_at, updated_at, version ",
            "from trading.orders ",
            $rest
        )
    };
}
pub(super) use select_orders;

#[derive(Debug, FromRow)]
pub(super) struct StoredOrder {
    id: OrderId,
    account_id: AccountId,
    client_order_id: Option<String>,
    symbol: Symbol,
    side: Side,
    order_type: OrderType,
    time_in_force: TimeInForce,
    quantity_e6: Quantity,
    limit_price_e4: Option<Price>,
    stop_price_e4: Option<Price>,
    worst_price_e4: Option<Price>,
    status: OrderStatus,
    reason: Option<Reason>,
    filled_e6: Quantity,
    filled_notional_e10: String,
    hold_cents: Cents,
    fees_cents: Cents,
    accepted_quote_seq: i64,
    last_quote_seq: i64,
    elected_quote_seq: Option<i64>,
    accepted_at: Timestamp,
    opens_at: Option<Timestamp>,
    requeued_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    updated_at: Timestamp,
    version: i32,
}

/// An order with what the domain does not need to decide.
#[derive(Debug, Clone)]
pub(crate) struct OrderRow {
    pub(crate) order: Order,
    pub(crate) account_id: AccountId,
    pub(crate) client_order_id: Option<String>,
    pub(crate) accepted_at: Timestamp,
    /// When the session opens that it waits for, or waited for: nothing elects or fills it before.
    pub(crate) opens_at: Option<Timestamp>,
    /// When a replacement sent it to the end of its queue.
    pub(crate) requeued_at: Option<Timestamp>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) updated_at: Timestamp,
    pub(crate) version: i32,
}

impl OrderRow {
    /// Since when it has its place among the orders with the same price.
    pub(crate) fn queued_at(&self) -> Timestamp {
        self.requeued_at.unwrap_or(self.accepted_at)
    }
}

impl StoredOrder {
    /// The row as the domain's order. Fails only for a row that this crate has not written.
    pub(super) fn into_row(self) -> Result<OrderRow, DbError> {
        let terms = self.terms().map_err(damaged)?;
        let notional = self.filled_notional_e10.parse::<i128>().map_err(damaged)?;
        let order = Order {
            intake: Intake {
                order_id: self.id,
                terms,
                worst_price: self.worst_price_e4,
                quote_seq: u64::try_from(self.accepted_quote_seq).map_err(damaged)?,
            },
            status: self.status,
            reason: self.reason,
            filled: self.filled_e6,
            notional: Notional::from_e10(notional),
            fees: self.fees_cents,
            hold: self.hold_cents,
            last_quote_seq: u64::try_from(self.last_quote_seq).map_err(damaged)?,
            elected_quote_seq: self
                .elected_quote_seq
                .map(u64::try_from)
                .transpose()
                .map_err(damaged)?,
        };
        Ok(OrderRow {
            order,
            account_id: self.account_id,
            client_order_id: self.client_order_id,
            accepted_at: self.accepted_at,
            opens_at: self.opens_at,
            requeued_at: self.requeued_at,
            expires_at: self.expires_at,
            updated_at: self.updated_at,
            version: self.version,
        })
    }

    fn terms(&self) -> Result<OrderTerms, crate::FieldError> {
        let pricing = Pricing::from_parts(self.order_type, self.limit_price_e4, self.stop_price_e4)?;
        OrderTerms::market(self.symbol, self.side, self.quantity_e6)?.with(pricing, self.time_in_force)
    }
}

pub(super) fn damaged(error: impl std::error::Error + Send + Sync + 'static) -> DbError {
    DbError::from(sqlx::Error::Decode(Box::new(error)))
}

/// An order of an account. The caller holds the account's lock.
pub(crate) async fn load_order(
    tx: &mut TenantTx,
    account: AccountId,
    order: OrderId,
) -> Result<Option<OrderRow>, DbError> {
    let row: Option<StoredOrder> = sqlx::query_as(select_orders!(
        "where tenant_id = $1 and account_id = $2 and id = $3"
    ))
    .bind(tx.tenant())
    .bind(account)
    .bind(order)
    .fetch_optional(tx)
    .await?;
    row.map(StoredOrder::into_row).transpose()
}

/// Orders by their ids, in that order; those that are not there are left out. The caller holds their accounts' locks.
pub(crate) async fn load_orders(tx: &mut TenantTx, ids: &[OrderId]) -> Result<Vec<OrderRow>, DbError> {
    let rows: Vec<StoredOrder> = sqlx::query_as(select_orders!(
        "where tenant_id = $1 and id = any ($2) order by id"
    ))
    .bind(tx.tenant())
    .bind(ids)
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(StoredOrder::into_row).collect()
}

/// The order to which a client gave this name.
pub(crate) async fn order_by_client_id(
    read: &mut TenantRead,
    account: AccountId,
    client_order_id: &str,
) -> Result<Option<OrderRow>, DbError> {
    let row: Option<StoredOrder> = sqlx::query_as(select_orders!(
        "where tenant_id = $1 and account_id = $2 and client_order_id = $3"
    ))
    .bind(read.tenant())
    .bind(account)
    .bind(client_order_id)
    .fetch_optional(read)
    .await?;
    row.map(StoredOrder::into_row).transpose()
}

/// Which orders a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderFilter {
    /// All of them.
    All,
    /// Those that can still fill.
    Open,
    /// Those in one state.
    Status(OrderStatus),
    /// One of them.
    One(OrderId),
}

impl OrderFilter {
    fn statuses(self) -> Vec<&'static str> {
        let wanted = |status: &OrderStatus| match self {
            Self::All | Self::One(_) => true,
            Self::Open => !status.is_terminal(),
            Self::Status(one) => *status == one,
        };
        OrderStatus::ALL
            .iter()
            .copied()
            .filter(wanted)
            .map(OrderStatus::as_str)
            .collect()
    }
}

/// Orders of an account, newest first, at most `limit` before `before`.
pub(crate) async fn orders_page(
    read: &mut TenantRead,
    account: AccountId,
    filter: OrderFilter,
    (before, limit): (Option<OrderId>, u32),
) -> Result<Vec<OrderRow>, DbError> {
    let one = match filter {
        OrderFilter::One(id) => Some(id),
        OrderFilter::All | OrderFilter::Open | OrderFilter::Status(_) => None,
    };
    let rows: Vec<StoredOrder> = sqlx::query_as(select_orders!(
        "where tenant_id = $1 and account_id = $2 and status = any ($3)
           and ($4::uuid is null or id < $4) and ($5::uuid is null or id = $5)
         order by id desc limit $6"
    ))
    .bind(read.tenant())
    .bind(account)
    .bind(filter.statuses())
    .bind(before)
    .bind(one)
    .bind(i64::from(limit))
    .fetch_all(read)
    .await?;
    rows.into_iter().map(StoredOrder::into_row).collect()
}

#[derive(FromRow)]
struct ExecutionRow {
    order_id: OrderId,
    quote_seq: i64,
    symbol: Symbol,
    side: Side,
    quantity_e6: Quantity,
    price_e4: Price,
    cash_cents: Cents,
    fee_cents: Cents,
    executed_at: Timestamp,
}

/// The fills of an order, oldest first, at most `limit` after the quote `after`.
pub(crate) async fn executions_of(
    read: &mut TenantRead,
    order: OrderId,
    (after, limit): (Option<i64>, u32),
) -> Result<Vec<ExecutionView>, DbError> {
    let rows: Vec<ExecutionRow> = sqlx::query_as(
        "select order_id, quote_seq, symbol, side, quantity_e6, price_e4, cash_cents, fee_cents, executed_at
         from trading.execution where tenant_id = $1 and order_id = $2 and quote_seq > $3
         order by quote_seq limit $4",
    )
    .bind(read.tenant())
    .bind(order)
    .bind(after.unwrap_or(-1))
    .bind(i64::from(limit))
    .fetch_all(read)
    .await?;
    rows.into_iter().map(ExecutionRow::into_view).collect()
}

impl ExecutionRow {
    fn into_view(self) -> Result<ExecutionView, DbError> {
        let quote_seq = u64::try_from(self.quote_seq).map_err(damaged)?;
        let execution = Execution {
            id: ExecutionId {
                order_id: self.order_id,
                quote_seq,
            },
            symbol: self.symbol,
            side: self.side,
            quantity: self.quantity_e6,
            price: self.price_e4,
            cash: self.cash_cents,
            fee: self.fee_cents,
        };
        Ok(ExecutionView::new(&execution, self.executed_at))
    }
}

/// The fills of an order inside a transaction, oldest first, 200 at most.
pub(crate) async fn executions_in(tx: &mut TenantTx, order: OrderId) -> Result<Vec<ExecutionView>, DbError> {
    let rows: Vec<ExecutionRow> = sqlx::query_as(
        "select order_id, quote_seq, symbol, side, quantity_e6, price_e4, cash_cents, fee_cents, executed_at
         from trading.execution where tenant_id = $1 and order_id = $2 order by quote_seq limit 200",
    )
    .bind(tx.tenant())
    .bind(order)
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(ExecutionRow::into_view).collect()
}

/// How many open orders the tenant has, counted no further than `most`.
pub(crate) async fn count_open_orders(read: &mut TenantRead, most: u64) -> Result<u64, DbError> {
    let count: i64 = sqlx::query_scalar(
        "select count(*) from (
             select from trading.orders where tenant_id = $1 and status in ('pending', 'submitted', 'partial') limit $2
         ) open",
    )
    .bind(read.tenant())
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .fetch_one(read)
    .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}
