//! What commands change, written by one statement however many they are.

use std::collections::BTreeMap;

use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantTx};

use super::AccountRow;
use super::columns::{Executions, Keys, Orders, Transfers};
use super::events::Logged;
use super::orders::OrderRow;
use crate::service::AccountId;
use crate::{AccountState, Event, Position, Symbol};

/// An idempotency key that is remembered with the change.
pub(crate) struct NewKey<'a> {
    pub(crate) route: &'a str,
    pub(crate) key: &'a str,
    pub(crate) fingerprint: &'a [u8; 32],
    pub(crate) outcome: String,
}

/// Everything a command changes, as the domain decided it.
pub(crate) struct Change<'a> {
    pub(crate) before: &'a AccountState,
    pub(crate) after: &'a AccountState,
    pub(crate) order: &'a OrderRow,
    pub(crate) events: &'a [Event],
    pub(crate) key: Option<NewKey<'a>>,
}

/// The changes of one transaction to accounts that it has locked: orders, fills, ledger, log, positions, accounts and idempotency keys.
///
/// An order may be changed once, an account and a position any number of times.
pub(crate) struct Changes {
    now: Timestamp,
    orders: Orders,
    executions: Executions,
    transfers: Transfers,
    events: Logged,
    keys: Keys,
    positions: BTreeMap<(AccountId, Symbol), Position>,
    accounts: BTreeMap<AccountId, AccountRow>,
}

impl Changes {
    /// No changes yet. All of them happen at `now`.
    pub(crate) fn at(now: Timestamp) -> Self {
        Self {
            now,
            orders: Orders::default(),
            executions: Executions::default(),
            transfers: Transfers::default(),
            events: Logged::default(),
            keys: Keys::default(),
            positions: BTreeMap::new(),
            accounts: BTreeMap::new(),
        }
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// Adds a change of an account, and makes `account` what it is after it.
    pub(crate) fn add(&mut self, account: &mut AccountRow, change: Change<'_>) -> Result<(), DbError> {
        let symbol = change.after.position.symbol;
        self.orders.push(change.order);
        for event in change.events {
            account.event_seq += 1;
            self.events
                .push_of(account.id, account.event_seq, (event, change.order))?;
            self.executions.push_of(account.id, event);
            account.last_seq = self.transfers.push_of(account.id, account.last_seq, event);
        }
        if change.before.position != change.after.position {
            self.positions.insert((account.id, symbol), change.after.position);
        }
        if let Some(key) = change.key {
            self.keys.push(account.id, key);
        }
        account.available_cents = change.after.cash.available;
        account.held_cents = change.after.cash.held;
        let [was, is] = [change.before, change.after].map(|state| i64::from(state.has_open_order()));
        // What a count has missed must not keep an order from its end.
        account.open_orders = (account.open_orders + is - was).max(0);
        self.accounts.insert(account.id, account.clone());
        Ok(())
    }

    /// Writes them all.
    pub(crate) async fn write(self, tx: &mut TenantTx) -> Result<(), DbError> {
        let Self {
            now,
            orders,
            executions,
            transfers,
            events,
            keys,
            positions,
            accounts,
        } = self;
        let position = |of: fn(&Position) -> i64| positions.values().map(of).collect::<Vec<_>>();
        let account = |of: fn(&AccountRow) -> i64| accounts.values().map(of).collect::<Vec<_>>();
        let touched = sqlx::query(WRITE)
            .bind(tx.tenant())
            .bind(now)
            .bind(orders.id)
            .bind(orders.account_id)
            .bind(orders.client_order_id)
            .bind(orders.symbol)
            .bind(orders.side)
            .bind(orders.order_type)
            .bind(orders.time_in_force)
            .bind(orders.quantity_e6)
            .bind(orders.limit_price_e4)
            .bind(orders.stop_price_e4)
            .bind(orders.worst_price_e4)
            .bind(orders.status)
            .bind(orders.reason)
            .bind(orders.filled_e6)
            .bind(orders.filled_notional_e10)
            .bind(orders.hold_cents)
            .bind(orders.fees_cents)
            .bind(orders.accepted_quote_seq)
            .bind(orders.last_quote_seq)
            .bind(orders.accepted_at)
            .bind(orders.expires_at)
            .bind(orders.version)
            .bind(executions.order_id)
            .bind(executions.quote_seq)
            .bind(executions.account_id)
            .bind(executions.symbol)
            .bind(executions.side)
            .bind(executions.quantity_e6)
            .bind(executions.price_e4)
            .bind(executions.cash_cents)
            .bind(executions.fee_cents)
            .bind(transfers.account_id)
            .bind(transfers.seq)
            .bind(transfers.asset)
            .bind(transfers.debit)
            .bind(transfers.credit)
            .bind(transfers.amount)
            .bind(transfers.code)
            .bind(transfers.order_id)
            .bind(transfers.quote_seq)
            .bind(positions.keys().map(|(account, _)| *account).collect::<Vec<_>>())
            .bind(positions.keys().map(|(_, symbol)| *symbol).collect::<Vec<_>>())
            .bind(position(|position| position.available.e6()))
            .bind(position(|position| position.held.e6()))
            .bind(position(|position| position.cost.cents()))
            .bind(position(|position| position.realized.cents()))
            .bind(keys.account_id)
            .bind(keys.route)
            .bind(keys.key)
            .bind(keys.fingerprint)
            .bind(keys.outcome)
            .bind(events.account_id)
            .bind(events.seq)
            .bind(events.kind)
            .bind(events.order_id)
            .bind(events.payload)
            .bind(accounts.keys().copied().collect::<Vec<_>>())
            .bind(account(|account| account.available_cents.cents()))
            .bind(account(|account| account.held_cents.cents()))
            .bind(account(|account| account.last_seq))
            .bind(account(|account| account.event_seq))
            .bind(orders.elected_quote_seq)
            .bind(orders.opens_at)
            .bind(orders.requeued_at)
            .bind(account(|account| account.open_orders))
            .execute(tx)
            .await?;
        if usize::try_from(touched.rows_affected()) == Ok(accounts.len()) {
            Ok(())
        } else {
            Err(DbError::from(sqlx::Error::RowNotFound))
        }
    }
}

const WRITE: &str = "
    with o as (
        insert into trading.orders
            (tenant_id, id, account_id, client_order_id, symbol, side, order_type, time_in_force, quantity_e6, limit_price_e4,
             stop_price_e4, worst_price_e4, status, reason, filled_e6, filled_notional_e10, hold_cents, fees_cents,
             accepted_quote_seq, last_quote_seq, accepted_at, expires_at, updated_at, version, elected_quote_seq, opens_at,
             requeued_at)
        select $1, x.id, x.account_id, x.client_order_id, x.symbol, x.side, x.order_type, x.time_in_force, x.quantity_e6,
               x.limit_price_e4, x.stop_price_e4, x.worst_price_e4, x.status, x.reason, x.filled_e6,
               x.filled_notional_e10::numeric, x.hold_cents, x.fees_cents, x.accepted_quote_seq, x.last_quote_seq,
               x.accepted_at, x.expires_at, $2, x.version, x.elected_quote_seq, x.opens_at, x.requeued_at
        from unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[],
                    $11::bigint[], $12::bigint[], $13::bigint[], $14::text[], $15::text[], $16::bigint[], $17::text[],
                    $18::bigint[], $19::bigint[], $20::bigint[], $21::bigint[], $22::timestamptz[], $23::timestamptz[],
                    $24::integer[], $64::bigint[], $65::timestamptz[], $66::timestamptz[])
            as x (id, account_id, client_order_id, symbol, side, order_type, time_in_force, quantity_e6, limit_price_e4,
                  stop_price_e4, worst_price_e4, status, reason, filled_e6, filled_notional_e10, hold_cents, fees_cents,
                  accepted_quote_seq, last_quote_seq, accepted_at, expires_at, version, elected_quote_seq, opens_at,
                  requeued_at)
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
            (tenant_id, order_id, quote_seq, account_id, symbol, side, quantity_e6, price_e4, cash_cents, fee_cents, executed_at)
        select $1, x.order_id, x.quote_seq, x.account_id, x.symbol, x.side, x.quantity_e6, x.price_e4, x.cash_cents,
               x.fee_cents, $2
        from unnest($25::uuid[], $26::bigint[], $27::uuid[], $28::text[], $29::text[], $30::bigint[], $31::bigint[],
                    $32::bigint[], $33::bigint[])
            as x (order_id, quote_seq, account_id, symbol, side, quantity_e6, price_e4, cash_cents, fee_cents)
    ), t as (
        insert into trading.transfer
            (tenant_id, account_id, seq, asset, debit, credit, amount, code, order_id, quote_seq, created_at)
        select $1, x.account_id, x.seq, x.asset, x.debit, x.credit, x.amount, x.code, x.order_id, x.quote_seq, $2
        from unnest($34::uuid[], $35::bigint[], $36::text[], $37::text[], $38::text[], $39::bigint[], $40::text[],
                    $41::uuid[], $42::bigint[])
            as x (account_id, seq, asset, debit, credit, amount, code, order_id, quote_seq)
    ), p as (
        insert into trading.position
            (tenant_id, account_id, symbol, available_e6, held_e6, cost_cents, realized_cents)
        select $1, x.account_id, x.symbol, x.available_e6, x.held_e6, x.cost_cents, x.realized_cents
        from unnest($43::uuid[], $44::text[], $45::bigint[], $46::bigint[], $47::bigint[], $48::bigint[])
            as x (account_id, symbol, available_e6, held_e6, cost_cents, realized_cents)
        on conflict (tenant_id, account_id, symbol) do update set
            available_e6 = excluded.available_e6, held_e6 = excluded.held_e6, cost_cents = excluded.cost_cents,
            realized_cents = excluded.realized_cents
    ), k as (
        insert into trading.idempotency (tenant_id, account_id, route, key, fingerprint, outcome, created_at)
        select $1, x.account_id, x.route, x.key, x.fingerprint, x.outcome, $2
        from unnest($49::uuid[], $50::text[], $51::text[], $52::bytea[], $53::text[])
            as x (account_id, route, key, fingerprint, outcome)
    ), v as (
        insert into trading.event (tenant_id, account_id, seq, kind, order_id, at, payload)
        select $1, x.account_id, x.seq, x.kind, x.order_id, $2, x.payload::jsonb
        from unnest($54::uuid[], $55::bigint[], $56::text[], $57::uuid[], $58::text[])
            as x (account_id, seq, kind, order_id, payload)
    )
    update trading.account a set
        available_cents = x.available_cents, held_cents = x.held_cents, last_seq = x.last_seq, event_seq = x.event_seq,
        open_orders = x.open_orders
    from unnest($59::uuid[], $60::bigint[], $61::bigint[], $62::bigint[], $63::bigint[], $67::bigint[])
        as x (id, available_cents, held_cents, last_seq, event_seq, open_orders)
    where a.tenant_id = $1 and a.id = x.id";
