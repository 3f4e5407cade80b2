//! What a command touches, read and written in one statement each: on a hot account the round trips are the cost.

use platform_core::pg::{DbError, TenantTx};
use sqlx::{FromRow, Row};

use super::orders::{OrderRow, StoredOrder, select_orders};
use super::positions::PositionRow;
use super::{AccountRow, Remembered};
use crate::service::AccountId;
use crate::{AccountState, Event, Execution, Position, Symbol, Transfer};

/// What placing an order needs to know besides the account.
pub(crate) struct Placement {
    pub(crate) position: Position,
    /// What was answered to the same idempotency key.
    pub(crate) remembered: Option<Remembered>,
    /// Whether the client has used the order's name before.
    pub(crate) name_is_taken: bool,
}

/// Loads what placing an order needs. The caller holds the account's lock, so that none of it can change.
pub(crate) async fn load_placement(
    tx: &mut TenantTx,
    (account, symbol): (AccountId, Symbol),
    (route, key): (&str, Option<&str>),
    client_order_id: Option<&str>,
) -> Result<Placement, DbError> {
    let row = sqlx::query(
        "select p.symbol, p.available_e6, p.held_e6, p.cost_cents, p.realized_cents,
                p.symbol is not null as has_position, i.fingerprint, i.outcome,
                exists (select from trading.orders
                        where tenant_id = $1 and account_id = $2 and client_order_id = $6) as name_is_taken
         from (select) as one
         left join trading.position p on p.tenant_id = $1 and p.account_id = $2 and p.symbol = $3
         left join trading.idempotency i
             on i.tenant_id = $1 and i.account_id = $2 and i.route = $4 and i.key = $5",
    )
    .bind(tx.tenant())
    .bind(account)
    .bind(symbol)
    .bind(route)
    .bind(key)
    .bind(client_order_id)
    .fetch_one(tx)
    .await?;
    let position = match row.try_get::<bool, _>("has_position")? {
        true => PositionRow::from_row(&row)?.into_position(),
        false => Position::flat(symbol),
    };
    let outcome: Option<String> = row.try_get("outcome")?;
    let fingerprint: Option<Vec<u8>> = row.try_get("fingerprint")?;
    Ok(Placement {
        position,
        remembered: outcome
            .zip(fingerprint)
            .map(|(outcome, fingerprint)| Remembered { fingerprint, outcome }),
        name_is_taken: row.try_get("name_is_taken")?,
    })
}

/// Loads an order by the client's name for it. The caller holds the account's lock.
pub(crate) async fn load_by_client_id(
    tx: &mut TenantTx,
    account: AccountId,
    client_order_id: &str,
) -> Result<Option<OrderRow>, DbError> {
    let row: Option<StoredOrder> = sqlx::query_as(select_orders!(
        "where tenant_id = $1 and account_id = $2 and client_order_id = $3"
    ))
    .bind(tx.tenant())
    .bind(account)
    .bind(client_order_id)
    .fetch_optional(tx)
    .await?;
    row.map(StoredOrder::into_row).transpose()
}

/// An idempotency key that is remembered with the change.
pub(crate) struct NewKey<'a> {
    pub(crate) route: &'a str,
    pub(crate) key: &'a str,
    pub(crate) fingerprint: &'a [u8; 32],
    pub(crate) outcome: String,
}

/// Everything a command changes, as the domain decided it.
pub(crate) struct Change<'a> {
    pub(crate) account: &'a AccountRow,
    pub(crate) before: &'a AccountState,
    pub(crate) after: &'a AccountState,
    pub(crate) order: &'a OrderRow,
    pub(crate) events: &'a [Event],
    pub(crate) key: Option<NewKey<'a>>,
}

/// Writes order, fills, ledger, position, account and idempotency key in one statement.
pub(crate) async fn write_change(tx: &mut TenantTx, change: &Change<'_>) -> Result<(), DbError> {
    let OrderRow {
        order,
        account_id,
        client_order_id,
        accepted_at,
        opens_at,
        requeued_at,
        expires_at,
        updated_at,
        version,
    } = change.order;
    let terms = order.terms();
    let executions = Executions::of(change.events);
    let transfers = Transfers::of(change.events, change.account.last_seq);
    let position = &change.after.position;
    let position_changed = change.before.position != *position;
    let (route, key, fingerprint, outcome) = match &change.key {
        Some(key) => (
            Some(key.route),
            Some(key.key),
            Some(&key.fingerprint[..]),
            Some(key.outcome.as_str()),
        ),
        None => (None, None, None, None),
    };
    let touched = sqlx::query(
        "with o as (
             insert into trading.orders
                 (tenant_id, id, account_id, client_order_id, symbol, side, order_type, time_in_force, quantity_e6,
                  limit_price_e4, stop_price_e4, worst_price_e4, status, reason, filled_e6, filled_notional_e10,
                  hold_cents, fees_cents, accepted_quote_seq, last_quote_seq, accepted_at, expires_at, updated_at, version,
                  elected_quote_seq, opens_at, requeued_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16::text::numeric, $17, $18, $19, $20,
                     $21, $22, $23, $24, $49, $50, $51)
             on conflict (tenant_id, id) do update set
                 client_order_id = excluded.client_order_id, time_in_force = excluded.time_in_force,
                 quantity_e6 = excluded.quantity_e6, limit_price_e4 = excluded.limit_price_e4,
                 stop_price_e4 = excluded.stop_price_e4, worst_price_e4 = excluded.worst_price_e4,
                 expires_at = excluded.expires_at, elected_quote_seq = excluded.elected_quote_seq,
                 requeued_at = excluded.requeued_at,
                 status = excluded.status, reason = excluded.reason, filled_e6 = excluded.filled_e6,
                 filled_notional_e10 = excluded.filled_notional_e10, hold_cents = excluded.hold_cents,
                 fees_cents = excluded.fees_cents, last_quote_seq = excluded.last_quote_seq,
                 updated_at = excluded.updated_at, version = excluded.version
         ), e as (
             insert into trading.execution
                 (tenant_id, order_id, quote_seq, account_id, symbol, side, quantity_e6, price_e4, cash_cents, fee_cents,
                  executed_at)
             select $1, $2, x.quote_seq, $3, $5, $6, x.quantity_e6, x.price_e4, x.cash_cents, x.fee_cents, $23
             from unnest($25::bigint[], $26::bigint[], $27::bigint[], $28::bigint[], $29::bigint[])
                 as x (quote_seq, quantity_e6, price_e4, cash_cents, fee_cents)
         ), t as (
             insert into trading.transfer
                 (tenant_id, account_id, seq, asset, debit, credit, amount, code, order_id, quote_seq, created_at)
             select $1, $3, x.seq, x.asset, x.debit, x.credit, x.amount, x.code, $2, x.quote_seq, $23
             from unnest($30::bigint[], $31::text[], $32::text[], $33::text[], $34::bigint[], $35::text[], $36::bigint[])
                 as x (seq, asset, debit, credit, amount, code, quote_seq)
         ), p as (
             insert into trading.position
                 (tenant_id, account_id, symbol, available_e6, held_e6, cost_cents, realized_cents)
             select $1, $3, $5, $37, $38, $39, $40 where $41
             on conflict (tenant_id, account_id, symbol) do update set
                 available_e6 = excluded.available_e6, held_e6 = excluded.held_e6, cost_cents = excluded.cost_cents,
                 realized_cents = excluded.realized_cents
         ), k as (
             insert into trading.idempotency (tenant_id, account_id, route, key, fingerprint, outcome, created_at)
             select $1, $3, $42, $43, $44, $45, $23 where $43::text is not null
         )
         update trading.account set available_cents = $46, held_cents = $47, last_seq = $48
         where tenant_id = $1 and id = $3",
    )
    .bind(tx.tenant())
    .bind(order.intake.order_id)
    .bind(*account_id)
    .bind(client_order_id.as_deref())
    .bind(terms.symbol())
    .bind(terms.side())
    .bind(terms.pricing().order_type())
    .bind(terms.time_in_force())
    .bind(terms.quantity())
    .bind(terms.pricing().limit_price())
    .bind(terms.pricing().stop_price())
    .bind(order.intake.worst_price)
    .bind(order.status)
    .bind(order.reason)
    .bind(order.filled)
    .bind(order.notional.e10().to_string())
    .bind(order.hold)
    .bind(order.fees)
    .bind(bigint(order.intake.quote_seq))
    .bind(bigint(order.last_quote_seq))
    .bind(*accepted_at)
    .bind(*expires_at)
    .bind(*updated_at)
    .bind(*version)
    .bind(executions.quote_seq)
    .bind(executions.quantity_e6)
    .bind(executions.price_e4)
    .bind(executions.cash_cents)
    .bind(executions.fee_cents)
    .bind(transfers.seq)
    .bind(transfers.asset)
    .bind(transfers.debit)
    .bind(transfers.credit)
    .bind(transfers.amount)
    .bind(transfers.code)
    .bind(transfers.quote_seq)
    .bind(position.available)
    .bind(position.held)
    .bind(position.cost)
    .bind(position.realized)
    .bind(position_changed)
    .bind(route)
    .bind(key)
    .bind(fingerprint)
    .bind(outcome)
    .bind(change.after.cash.available)
    .bind(change.after.cash.held)
    .bind(transfers.last_seq)
    .bind(order.elected_quote_seq.map(bigint))
    .bind(*opens_at)
    .bind(*requeued_at)
    .execute(tx)
    .await?;
    match touched.rows_affected() {
        1 => Ok(()),
        _ => Err(DbError::from(sqlx::Error::RowNotFound)),
    }
}

/// The columns of the fills among some events.
#[derive(Default)]
struct Executions {
    quote_seq: Vec<i64>,
    quantity_e6: Vec<i64>,
    price_e4: Vec<i64>,
    cash_cents: Vec<i64>,
    fee_cents: Vec<i64>,
}

impl Executions {
    fn of(events: &[Event]) -> Self {
        let mut columns = Self::default();
        for execution in events.iter().filter_map(Event::execution) {
            columns.push(execution);
        }
        columns
    }

    fn push(&mut self, execution: &Execution) {
        self.quote_seq.push(bigint(execution.id.quote_seq));
        self.quantity_e6.push(execution.quantity.e6());
        self.price_e4.push(execution.price.e4());
        self.cash_cents.push(execution.cash.cents());
        self.fee_cents.push(execution.fee.cents());
    }
}

/// The columns of the ledger rows among some events.
#[derive(Default)]
struct Transfers {
    seq: Vec<i64>,
    asset: Vec<String>,
    debit: Vec<&'static str>,
    credit: Vec<&'static str>,
    amount: Vec<i64>,
    code: Vec<&'static str>,
    quote_seq: Vec<Option<i64>>,
    last_seq: i64,
}

impl Transfers {
    fn of(events: &[Event], last_seq: i64) -> Self {
        let mut columns = Self {
            last_seq,
            ..Self::default()
        };
        for event in events {
            let quote_seq = event.execution().map(|execution| bigint(execution.id.quote_seq));
            for transfer in event.transfers() {
                columns.push(transfer, quote_seq);
            }
        }
        columns
    }

    fn push(&mut self, transfer: &Transfer, quote_seq: Option<i64>) {
        self.last_seq += 1;
        self.seq.push(self.last_seq);
        self.asset.push(transfer.asset().to_string());
        self.debit.push(transfer.debit().as_str());
        self.credit.push(transfer.credit().as_str());
        self.amount.push(transfer.amount().units());
        self.code.push(transfer.code().as_str());
        self.quote_seq.push(quote_seq);
    }
}

/// A quote number as it is stored. Numbers are microseconds since 1970, far below the limit.
fn bigint(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
