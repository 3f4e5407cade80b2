//! What was there when a session closed: the tables `trading.closing_price`, `trading.closing_account` and `trading.closing_position`.

use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantTx};
use sqlx::FromRow;

use super::AccountRow;
use crate::service::{AccountId, ClosingPrice};
use crate::{Cash, Cents, Notional, Position, Price, Quantity, Symbol};

/// An account as it was when a session closed.
#[derive(Debug, Clone)]
pub(crate) struct ClosedAccount {
    pub(crate) id: AccountId,
    pub(crate) last_seq: i64,
    pub(crate) cash: Cash,
    pub(crate) net_deposits: Cents,
    pub(crate) fees: Cents,
    /// With what is owned; the cost is today's.
    pub(crate) positions: Vec<Position>,
}

/// What it was worth.
pub(crate) struct Valued {
    pub(crate) account: ClosedAccount,
    pub(crate) equity: Notional,
    /// As many as there are positions.
    pub(crate) worths: Vec<(Option<Price>, Notional)>,
}

/// Keeps the closing prices of a session, unless they are kept; tells those that are.
pub(crate) async fn keep_closing_prices(
    tx: &mut TenantTx,
    close: Timestamp,
    prices: &[ClosingPrice],
) -> Result<Vec<ClosingPrice>, DbError> {
    let symbols: Vec<Symbol> = prices.iter().map(|one| one.symbol).collect();
    let values: Vec<Price> = prices.iter().map(|one| one.price).collect();
    let seqs: Vec<i64> = prices.iter().map(|one| one.quote_seq).collect();
    // The first instance to close a session decides about its prices for all accounts.
    sqlx::query(
        "insert into trading.closing_price (tenant_id, session_close, symbol, price_e4, quote_seq)
         select $1, $2, p.symbol, p.price_e4, p.quote_seq
         from unnest($3::text[], $4::bigint[], $5::bigint[]) as p (symbol, price_e4, quote_seq)
         order by p.symbol
         on conflict do nothing",
    )
    .bind(tx.tenant())
    .bind(close)
    .bind(symbols)
    .bind(values)
    .bind(seqs)
    .execute(&mut *tx)
    .await?;
    let kept = sqlx::query_as(
        "select symbol, price_e4, quote_seq from trading.closing_price where tenant_id = $1 and session_close = $2",
    )
    .bind(tx.tenant())
    .bind(close)
    .fetch_all(tx)
    .await?;
    Ok(kept)
}

/// Locks accounts that have no closing of a session yet, in the order of their ids: what is being written to them is waited for.
pub(crate) async fn lock_unclosed(
    tx: &mut TenantTx,
    close: Timestamp,
    (after, limit): (Option<AccountId>, u32),
) -> Result<Vec<AccountRow>, DbError> {
    let rows = sqlx::query_as(
        "select a.id, a.status, a.available_cents, a.held_cents, a.last_seq, a.event_seq, a.open_orders, a.opened_at
         from trading.account a
         where a.tenant_id = $1 and a.opened_at < $2 and ($3::uuid is null or a.id > $3)
           and not exists (
               select from trading.closing_account c
               where c.tenant_id = $1 and c.account_id = a.id and c.session_close = $2
           )
         order by a.id limit $4 for update of a",
    )
    .bind(tx.tenant())
    .bind(close)
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(tx)
    .await?;
    Ok(rows)
}

#[derive(FromRow)]
struct Flows {
    account_id: AccountId,
    next_seq: Option<i64>,
    net_deposits_cents: Cents,
    fees_cents: Cents,
    available_after: i64,
    held_after: i64,
}

#[derive(FromRow)]
struct Shares {
    account_id: AccountId,
    symbol: Symbol,
    available_e6: Quantity,
    held_e6: Quantity,
    cost_cents: Cents,
    realized_cents: Cents,
}

/// Locked accounts as they were when a session closed: as they are, less what the ledger has moved since. The first row at or after the
/// close ends the session, so that what follows is the next one's though a clock went back.
pub(crate) async fn at_close(
    tx: &mut TenantTx,
    close: Timestamp,
    accounts: &[AccountRow],
) -> Result<Vec<ClosedAccount>, DbError> {
    let ids: Vec<AccountId> = accounts.iter().map(|account| account.id).collect();
    let flows: Vec<Flows> = sqlx::query_as(include_str!("snapshots_flows.sql"))
        .bind(tx.tenant())
        .bind(&ids)
        .bind(close)
        .fetch_all(&mut *tx)
        .await?;
    let firsts: Vec<i64> = flows
        .iter()
        .map(|flow| flow.next_seq.unwrap_or(i64::MAX))
        .collect();
    let owners: Vec<AccountId> = flows.iter().map(|flow| flow.account_id).collect();
    let shares: Vec<Shares> = sqlx::query_as(include_str!("snapshots_shares.sql"))
        .bind(tx.tenant())
        .bind(owners)
        .bind(firsts)
        .fetch_all(tx)
        .await?;
    let closed = accounts
        .iter()
        .zip(&flows)
        .map(|(account, flow)| flow.closed(account, &shares));
    closed.collect()
}

impl Flows {
    fn closed(&self, account: &AccountRow, shares: &[Shares]) -> Result<ClosedAccount, DbError> {
        let before = |now: Cents, after: i64| Cents::from_units(i128::from(now.cents()) - i128::from(after));
        let owned = |one: &&Shares| {
            one.account_id == self.account_id && !(one.available_e6.is_zero() && one.held_e6.is_zero())
        };
        let position = |one: &Shares| Position {
            symbol: one.symbol,
            available: one.available_e6,
            held: one.held_e6,
            cost: one.cost_cents,
            realized: one.realized_cents,
        };
        Ok(ClosedAccount {
            id: account.id,
            last_seq: self.next_seq.map_or(account.last_seq, |next| next - 1),
            cash: Cash {
                available: before(account.available_cents, self.available_after).map_err(damaged)?,
                held: before(account.held_cents, self.held_after).map_err(damaged)?,
            },
            net_deposits: self.net_deposits_cents,
            fees: self.fees_cents,
            positions: shares.iter().filter(owned).map(position).collect(),
        })
    }
}

pub(super) fn damaged(error: impl std::error::Error + Send + Sync + 'static) -> DbError {
    DbError::from(sqlx::Error::Decode(Box::new(error)))
}

/// Keeps what accounts had and were worth; one that is kept already stays as it is. Tells how many are new.
pub(crate) async fn keep_closings(
    tx: &mut TenantTx,
    close: Timestamp,
    valued: &[Valued],
) -> Result<u64, DbError> {
    let mut accounts = Accounts::default();
    let mut positions = Positions::default();
    for one in valued {
        accounts.push(one)?;
        positions.push(one)?;
    }
    let kept: i64 = sqlx::query_scalar(
        "with a as (
             insert into trading.closing_account
                 (tenant_id, account_id, session_close, last_seq, available_cents, held_cents, net_deposits_cents, fees_cents,
                  equity_cents, equity_rest_e10)
             select $1, x.id, $2, x.last_seq, x.available, x.held, x.net_deposits, x.fees, x.equity, x.equity_rest
             from unnest($3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
                         $10::bigint[])
                 as x (id, last_seq, available, held, net_deposits, fees, equity, equity_rest)
             on conflict do nothing
             returning account_id
         ), p as (
             insert into trading.closing_position
                 (tenant_id, account_id, session_close, symbol, available_e6, held_e6, price_e4, value_cents, value_rest_e10)
             select $1, x.id, $2, x.symbol, x.available, x.held, x.price, x.value, x.value_rest
             from unnest($11::uuid[], $12::text[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[])
                 as x (id, symbol, available, held, price, value, value_rest)
             where x.id in (select account_id from a)
         )
         select count(*) from a",
    )
    .bind(tx.tenant())
    .bind(close)
    .bind(accounts.id)
    .bind(accounts.last_seq)
    .bind(accounts.available)
    .bind(accounts.held)
    .bind(accounts.net_deposits)
    .bind(accounts.fees)
    .bind(accounts.equity)
    .bind(accounts.equity_rest)
    .bind(positions.id)
    .bind(positions.symbol)
    .bind(positions.available)
    .bind(positions.held)
    .bind(positions.price)
    .bind(positions.value)
    .bind(positions.value_rest)
    .fetch_one(tx)
    .await?;
    Ok(u64::try_from(kept).unwrap_or(0))
}

/// The columns of accounts.
#[derive(Default)]
struct Accounts {
    id: Vec<AccountId>,
    last_seq: Vec<i64>,
    available: Vec<Cents>,
    held: Vec<Cents>,
    net_deposits: Vec<Cents>,
    fees: Vec<Cents>,
    equity: Vec<Cents>,
    equity_rest: Vec<i64>,
}

impl Accounts {
    fn push(&mut self, one: &Valued) -> Result<(), DbError> {
        let (equity, rest) = one.equity.to_columns().map_err(damaged)?;
        self.id.push(one.account.id);
        self.last_seq.push(one.account.last_seq);
        self.available.push(one.account.cash.available);
        self.held.push(one.account.cash.held);
        self.net_deposits.push(one.account.net_deposits);
        self.fees.push(one.account.fees);
        self.equity.push(equity);
        self.equity_rest.push(rest);
        Ok(())
    }
}

/// The columns of positions.
#[derive(Default)]
struct Positions {
    id: Vec<AccountId>,
    symbol: Vec<Symbol>,
    available: Vec<Quantity>,
    held: Vec<Quantity>,
    price: Vec<Option<Price>>,
    value: Vec<Cents>,
    value_rest: Vec<i64>,
}

impl Positions {
    fn push(&mut self, one: &Valued) -> Result<(), DbError> {
        for (position, (price, worth)) in one.account.positions.iter().zip(&one.worths) {
            let (value, rest) = worth.to_columns().map_err(damaged)?;
            self.id.push(one.account.id);
            self.symbol.push(position.symbol);
            self.available.push(position.available);
            self.held.push(position.held);
            self.price.push(*price);
            self.value.push(value);
            self.value_rest.push(rest);
        }
        Ok(())
    }
}
