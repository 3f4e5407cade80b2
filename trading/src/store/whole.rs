//! Everything of one account, piece by piece.

use platform_core::TenantId;
use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantRead, TenantTx};
use serde_json::Value;
use sqlx::{Executor, FromRow, Postgres};

use super::OrderRow;
use super::orders::{StoredOrder, select_orders};
use super::positions::PositionRow;
use crate::service::AccountId;
use crate::{BookedOrder, Event, Execution, OrderId, OrderRecord, Position};

impl OrderRow {
    /// What is stored beside the order.
    pub(crate) fn record(&self) -> OrderRecord {
        OrderRecord {
            version: self.version,
            client_order_id: self.client_order_id.clone(),
            opens_at: self.opens_at,
            expires_at: self.expires_at,
            requeued_at: self.requeued_at,
        }
    }

    /// The row as the events have to have made it.
    pub(crate) fn booked(&self) -> BookedOrder {
        BookedOrder {
            order: self.order,
            record: Some(self.record()),
            accepted_at: Some(self.accepted_at),
            updated_at: Some(self.updated_at),
        }
    }
}

/// The positions of an account that the caller has locked, and the number of the newest event in its log, whatever the account says; 0 for
/// none.
pub(crate) async fn positions_and_newest_event(
    tx: &mut TenantTx,
    account: AccountId,
) -> Result<(Vec<Position>, i64), DbError> {
    let positions: Vec<PositionRow> = sqlx::query_as(
        "select symbol, available_e6, held_e6, cost_cents, realized_cents
         from trading.position where tenant_id = $1 and account_id = $2 order by symbol",
    )
    .bind(tx.tenant())
    .bind(account)
    .fetch_all(&mut *tx)
    .await?;
    let newest_event = sqlx::query_scalar(
        "select coalesce(max(seq), 0) from trading.event where tenant_id = $1 and account_id = $2",
    )
    .bind(tx.tenant())
    .bind(account)
    .fetch_one(&mut *tx)
    .await?;
    let positions = positions.into_iter().map(PositionRow::into_position);
    Ok((positions.collect(), newest_event))
}

/// These of an account's orders, as far as they are there.
pub(crate) async fn orders_of_account<'e>(
    rows: impl Executor<'e, Database = Postgres>,
    (tenant, account): (TenantId, AccountId),
    ids: &[OrderId],
) -> Result<Vec<OrderRow>, DbError> {
    let rows: Vec<StoredOrder> = sqlx::query_as(select_orders!(
        "where tenant_id = $1 and account_id = $2 and id = any ($3)"
    ))
    .bind(tenant)
    .bind(account)
    .bind(ids)
    .fetch_all(rows)
    .await?;
    rows.into_iter().map(StoredOrder::into_row).collect()
}

/// An order of an account, and whether its log tells of it.
#[derive(FromRow)]
pub(crate) struct ListedOrder {
    pub(crate) id: OrderId,
    pub(crate) is_final: bool,
    pub(crate) updated_at: Timestamp,
    pub(crate) is_logged: bool,
}

/// Orders of an account by their ids, at most `limit` after the id `after`.
pub(crate) async fn orders_with_or_without_events(
    read: &mut TenantRead,
    account: AccountId,
    (after, limit): (Option<OrderId>, u32),
) -> Result<Vec<ListedOrder>, DbError> {
    let orders = sqlx::query_as(
        "select o.id, o.status not in ('pending', 'submitted', 'partial') as is_final, o.updated_at,
                exists (select from trading.event e
                        where e.tenant_id = $1 and e.order_id = o.id and e.account_id = $2) as is_logged
         from trading.orders o
         where o.tenant_id = $1 and o.account_id = $2 and ($3::uuid is null or o.id > $3)
         order by o.id limit $4",
    )
    .bind(read.tenant())
    .bind(account)
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(read)
    .await?;
    Ok(orders)
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

/// Events of an account in their order, with numbers from after the first to the second, which is one of them.
pub(crate) async fn events_of_account<'e>(
    rows: impl Executor<'e, Database = Postgres>,
    (tenant, account): (TenantId, AccountId),
    (after, upto): (i64, i64),
) -> Result<Vec<StoredEvent>, DbError> {
    let rows: Vec<EventRow> = sqlx::query_as(
        "select seq, kind, order_id, at, payload::text as payload from trading.event
         where tenant_id = $1 and account_id = $2 and seq > $3 and seq <= $4 order by seq",
    )
    .bind(tenant)
    .bind(account)
    .bind(after)
    .bind(upto)
    .fetch_all(rows)
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

/// How many events an account counts; 0 for no account.
pub(crate) async fn event_seq_of(read: &mut TenantRead, account: AccountId) -> Result<i64, DbError> {
    let seq: Option<i64> =
        sqlx::query_scalar("select event_seq from trading.account where tenant_id = $1 and id = $2")
            .bind(read.tenant())
            .bind(account)
            .fetch_optional(read)
            .await?;
    Ok(seq.unwrap_or(0))
}

/// The number of the last ledger row of an account from before it had a log: as many as its events moved came after it.
pub(crate) async fn ledger_before_log(read: &mut TenantRead, account: AccountId) -> Result<i64, DbError> {
    let seq: Option<i64> = sqlx::query_scalar(
        "select a.last_seq - (
             select coalesce(sum(case when jsonb_typeof(e.payload->'transfers') = 'array'
                                      then jsonb_array_length(e.payload->'transfers')
                                      when e.payload ? 'transfer' then 1 else 0 end), 0)::bigint
             from trading.event e where e.tenant_id = $1 and e.account_id = $2 and e.seq <= a.event_seq)
         from trading.account a where a.tenant_id = $1 and a.id = $2",
    )
    .bind(read.tenant())
    .bind(account)
    .fetch_optional(read)
    .await?;
    Ok(seq.unwrap_or(0))
}

/// A fill, with everything that is stored of it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(crate) struct StoredExecution {
    order_id: OrderId,
    quote_seq: i64,
    account_id: AccountId,
    symbol: crate::Symbol,
    side: crate::Side,
    quantity_e6: crate::Quantity,
    price_e4: crate::Price,
    cash_cents: crate::Cents,
    fee_cents: crate::Cents,
    executed_at: Timestamp,
}

impl StoredExecution {
    /// The order and the number of the quote, of which there is one fill at most.
    pub(crate) fn name(&self) -> (OrderId, i64) {
        (self.order_id, self.quote_seq)
    }

    /// The row that an event of an account is, if it is a fill.
    pub(crate) fn of_event(account: AccountId, event: &Event, at: Timestamp) -> Option<Self> {
        let Execution {
            id,
            symbol,
            side,
            quantity,
            price,
            cash,
            fee,
        } = *event.execution()?;
        Some(Self {
            order_id: id.order_id,
            quote_seq: i64::try_from(id.quote_seq).unwrap_or(i64::MAX),
            account_id: account,
            symbol,
            side,
            quantity_e6: quantity,
            price_e4: price,
            cash_cents: cash,
            fee_cents: fee,
            executed_at: at,
        })
    }
}

impl std::fmt::Display for StoredExecution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} of {} {} at {} for {}, fee {}, at {}",
            self.side,
            self.quantity_e6,
            self.symbol,
            self.price_e4,
            self.cash_cents,
            self.fee_cents,
            self.executed_at
        )
    }
}

/// The fills with these names, as far as they are there.
pub(crate) async fn executions_named(
    read: &mut TenantRead,
    names: &[(OrderId, i64)],
) -> Result<Vec<StoredExecution>, DbError> {
    let executions = sqlx::query_as(
        "select order_id, quote_seq, account_id, symbol, side, quantity_e6, price_e4, cash_cents, fee_cents, executed_at
         from trading.execution
         where tenant_id = $1 and (order_id, quote_seq) in (select * from unnest($2::uuid[], $3::bigint[]))",
    )
    .bind(read.tenant())
    .bind(names.iter().map(|name| name.0).collect::<Vec<_>>())
    .bind(names.iter().map(|name| name.1).collect::<Vec<_>>())
    .fetch_all(read)
    .await?;
    Ok(executions)
}
