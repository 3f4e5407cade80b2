//! Reading what was kept when sessions closed, and what the ledger has moved since.

use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantRead};
use sqlx::FromRow;

use super::snapshots::damaged;
use crate::service::AccountId;
use crate::{Cash, Cents, Notional, Price, Quantity, Symbol};

/// An account as it was kept when a session closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Closing {
    pub(crate) session_close: Timestamp,
    pub(crate) last_seq: i64,
    pub(crate) cash: Cash,
    pub(crate) net_deposits: Cents,
    pub(crate) fees: Cents,
    pub(crate) equity: Notional,
}

/// What it owned of a symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClosingPosition {
    pub(crate) symbol: Symbol,
    pub(crate) quantity: Quantity,
    pub(crate) price: Option<Price>,
    pub(crate) worth: Notional,
}

/// What a stretch of an account's ledger has moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) net_deposits: Cents,
    pub(crate) fees: Cents,
    /// Cash paid for shares and brought in by them, by symbol.
    pub(crate) traded: Vec<(Symbol, Cents, Cents)>,
}

#[derive(FromRow)]
struct ClosingRow {
    session_close: Timestamp,
    last_seq: i64,
    available_cents: Cents,
    held_cents: Cents,
    net_deposits_cents: Cents,
    fees_cents: Cents,
    equity_cents: Cents,
    equity_rest_e10: i64,
}

impl From<ClosingRow> for Closing {
    fn from(row: ClosingRow) -> Self {
        Self {
            session_close: row.session_close,
            last_seq: row.last_seq,
            cash: Cash {
                available: row.available_cents,
                held: row.held_cents,
            },
            net_deposits: row.net_deposits_cents,
            fees: row.fees_cents,
            equity: Notional::from_columns(row.equity_cents, row.equity_rest_e10),
        }
    }
}

macro_rules! select_closings {
    ($rest:literal) => {
        concat!(
            "select session_close, last_seq, available_cents, held_cents, net_deposits_cents, fees_cents, equity_cents,
                    equity_rest_e10
             from trading.closing_account where tenant_id = $1 and account_id = $2 and ",
            $rest
        )
    };
}

/// The last closing of an account at or before an instant, of those whose ledger ends at or before `last_seq`.
pub(crate) async fn closing_before(
    read: &mut TenantRead,
    account: AccountId,
    (at, last_seq): (Timestamp, i64),
) -> Result<Option<Closing>, DbError> {
    let row: Option<ClosingRow> = sqlx::query_as(select_closings!(
        "session_close <= $3 and last_seq <= $4 order by session_close desc limit 1"
    ))
    .bind(read.tenant())
    .bind(account)
    .bind(at)
    .bind(last_seq)
    .fetch_optional(read)
    .await?;
    Ok(row.map(Closing::from))
}

/// Closings of an account since an instant, the newest first, at most `limit` before `before`.
pub(crate) async fn closings_page(
    read: &mut TenantRead,
    account: AccountId,
    since: Option<Timestamp>,
    (before, limit): (Option<Timestamp>, u32),
) -> Result<Vec<Closing>, DbError> {
    let rows: Vec<ClosingRow> = sqlx::query_as(select_closings!(
        "($3::timestamptz is null or session_close >= $3) and ($4::timestamptz is null or session_close < $4)
         order by session_close desc limit $5"
    ))
    .bind(read.tenant())
    .bind(account)
    .bind(since)
    .bind(before)
    .bind(i64::from(limit))
    .fetch_all(read)
    .await?;
    Ok(rows.into_iter().map(Closing::from).collect())
}

#[derive(FromRow)]
struct PositionAtClose {
    symbol: Symbol,
    available_e6: Quantity,
    held_e6: Quantity,
    price_e4: Option<Price>,
    value_cents: Cents,
    value_rest_e10: i64,
}

/// What an account owned at a close, in the order of the symbols.
pub(crate) async fn positions_at(
    read: &mut TenantRead,
    account: AccountId,
    close: Timestamp,
) -> Result<Vec<ClosingPosition>, DbError> {
    let rows: Vec<PositionAtClose> = sqlx::query_as(
        "select symbol, available_e6, held_e6, price_e4, value_cents, value_rest_e10
         from trading.closing_position
         where tenant_id = $1 and account_id = $2 and session_close = $3 order by symbol",
    )
    .bind(read.tenant())
    .bind(account)
    .bind(close)
    .fetch_all(read)
    .await?;
    let position = |row: PositionAtClose| {
        let quantity = i128::from(row.available_e6.e6()) + i128::from(row.held_e6.e6());
        Ok(ClosingPosition {
            symbol: row.symbol,
            quantity: Quantity::from_units(quantity).map_err(damaged)?,
            price: row.price_e4,
            worth: Notional::from_columns(row.value_cents, row.value_rest_e10),
        })
    };
    rows.into_iter().map(position).collect()
}

#[derive(FromRow)]
struct FlowRow {
    symbol: Option<Symbol>,
    net_deposits_cents: Cents,
    fees_cents: Cents,
    bought_cents: Cents,
    sold_cents: Cents,
}

/// What the rows of an account's ledger after `after` have moved, up to `last`. The rows never change, so that together with balances that
/// name `last` as their last row this is of one moment.
pub(crate) async fn flow(
    read: &mut TenantRead,
    account: AccountId,
    (after, last): (i64, i64),
) -> Result<Flow, DbError> {
    let rows: Vec<FlowRow> = sqlx::query_as(
        "select o.symbol,
                coalesce(sum(case t.code when 'deposit' then t.amount when 'withdrawal' then -t.amount end), 0)::bigint
                    as net_deposits_cents,
                coalesce(sum(t.amount) filter (where t.code = 'fee'), 0)::bigint as fees_cents,
                coalesce(sum(t.amount) filter (where t.code = 'trade' and t.credit = 'street'), 0)::bigint as bought_cents,
                coalesce(sum(t.amount) filter (where t.code = 'trade' and t.debit = 'street'), 0)::bigint as sold_cents
         from trading.transfer t
         left join trading.orders o on o.tenant_id = t.tenant_id and o.id = t.order_id
         where t.tenant_id = $1 and t.account_id = $2 and t.seq > $3 and t.seq <= $4
           and t.asset = 'cash' and t.code in ('deposit', 'withdrawal', 'fee', 'trade')
         group by o.symbol order by o.symbol",
    )
    .bind(read.tenant())
    .bind(account)
    .bind(after)
    .bind(last)
    .fetch_all(read)
    .await?;
    let mut flow = Flow::default();
    for row in rows {
        flow.net_deposits = sum(flow.net_deposits, row.net_deposits_cents)?;
        flow.fees = sum(flow.fees, row.fees_cents)?;
        if let Some(symbol) = row.symbol {
            flow.traded.push((symbol, row.bought_cents, row.sold_cents));
        }
    }
    Ok(flow)
}

fn sum(one: Cents, other: Cents) -> Result<Cents, DbError> {
    Cents::from_units(i128::from(one.cents()) + i128::from(other.cents())).map_err(damaged)
}
