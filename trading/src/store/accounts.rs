//! The table `trading.account`.

use std::collections::HashMap;

use platform_core::pg::{DbError, TenantRead, TenantTx};
use platform_core::{PrincipalId, Timestamp};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use super::positions::PositionRow;
use crate::service::AccountId;
use crate::{AccountStatus, Cash, Cents, ListedAccount, Position, Transfer};

/// An account as it is stored.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct AccountRow {
    pub(crate) id: AccountId,
    pub(crate) status: AccountStatus,
    pub(crate) available_cents: Cents,
    pub(crate) held_cents: Cents,
    pub(crate) last_seq: i64,
    /// The number of its last event.
    pub(crate) event_seq: i64,
    /// How many of its orders are open.
    pub(crate) open_orders: i64,
    pub(crate) opened_at: Timestamp,
}

impl AccountRow {
    pub(crate) fn cash(&self) -> Cash {
        Cash {
            available: self.available_cents,
            held: self.held_cents,
        }
    }
}

/// The columns of an account, in the order of [`AccountRow`].
macro_rules! select_account {
    ($rest:literal) => {
        concat!(
            "select id, status, available_cents, held_cents, last_seq, event_seq, open_orders, opened_at ",
            "from trading.account ",
            $rest
        )
    };
}

/// Locks the account of a principal. Whoever changes an account, its orders or its positions holds this lock first.
pub(crate) async fn lock_account_of(
    tx: &mut TenantTx,
    owner: PrincipalId,
) -> Result<Option<AccountRow>, DbError> {
    let row = sqlx::query_as(select_account!(
        "where tenant_id = $1 and owner_id = $2 for update"
    ))
    .bind(tx.tenant())
    .bind(owner)
    .fetch_optional(tx)
    .await?;
    Ok(row)
}

/// Locks an account by its id.
pub(crate) async fn lock_account_by_id(
    tx: &mut TenantTx,
    id: AccountId,
) -> Result<Option<AccountRow>, DbError> {
    let row = sqlx::query_as(select_account!("where tenant_id = $1 and id = $2 for update"))
        .bind(tx.tenant())
        .bind(id)
        .fetch_optional(tx)
        .await?;
    Ok(row)
}

/// Whose account it is; `None` when there is no such account.
pub(crate) async fn owner_of(tx: &mut TenantTx, id: AccountId) -> Result<Option<PrincipalId>, DbError> {
    let owner = sqlx::query_scalar("select owner_id from trading.account where tenant_id = $1 and id = $2")
        .bind(tx.tenant())
        .bind(id)
        .fetch_optional(tx)
        .await?;
    Ok(owner)
}

#[derive(FromRow)]
struct OwnedRow {
    owner_id: PrincipalId,
    #[sqlx(flatten)]
    account: AccountRow,
}

/// Locks those accounts of these principals that nobody else has locked, in the order of their ids, and waits for none of them.
pub(crate) async fn lock_free_accounts_of(
    tx: &mut TenantTx,
    owners: &[PrincipalId],
) -> Result<HashMap<PrincipalId, AccountRow>, DbError> {
    let rows: Vec<OwnedRow> = sqlx::query_as(
        "select owner_id, id, status, available_cents, held_cents, last_seq, event_seq, open_orders, opened_at
         from trading.account where tenant_id = $1 and owner_id = any ($2) order by id for update skip locked",
    )
    .bind(tx.tenant())
    .bind(owners)
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.owner_id, row.account)).collect())
}

/// The same by the accounts' ids.
pub(crate) async fn lock_free_accounts(
    tx: &mut TenantTx,
    ids: &[AccountId],
) -> Result<HashMap<AccountId, AccountRow>, DbError> {
    let rows: Vec<AccountRow> = sqlx::query_as(select_account!(
        "where tenant_id = $1 and id = any ($2) order by id for update skip locked"
    ))
    .bind(tx.tenant())
    .bind(ids)
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|account| (account.id, account)).collect())
}

/// The account of a principal, unlocked.
pub(crate) async fn read_account_of(
    read: &mut TenantRead,
    owner: PrincipalId,
) -> Result<Option<AccountRow>, DbError> {
    let row = sqlx::query_as(select_account!("where tenant_id = $1 and owner_id = $2"))
        .bind(read.tenant())
        .bind(owner)
        .fetch_optional(read)
        .await?;
    Ok(row)
}

macro_rules! select_holdings {
    ($which:literal) => {
        concat!(
            "select a.id, a.status, a.available_cents, a.held_cents, a.last_seq, a.event_seq, a.open_orders, a.opened_at,
                    p.symbol, p.available_e6, p.held_e6, p.cost_cents, p.realized_cents, p.symbol is not null as has_position
             from trading.account a
             left join trading.position p on p.tenant_id = a.tenant_id and p.account_id = a.id
             where a.tenant_id = $1 and ",
            $which,
            " order by p.symbol"
        )
    };
}

/// The account of a principal with its positions, flat ones too, in the order of the symbols. One statement, so that the cash
/// and the shares are those of one moment.
pub(crate) async fn holdings_of(
    read: &mut TenantRead,
    owner: PrincipalId,
) -> Result<Option<(AccountRow, Vec<Position>)>, DbError> {
    let rows = sqlx::query(select_holdings!("a.owner_id = $2"))
        .bind(read.tenant())
        .bind(owner)
        .fetch_all(read)
        .await?;
    Ok(holdings(&rows)?)
}

/// The same of an account, whosever it is.
pub(crate) async fn holdings_in(
    read: &mut TenantRead,
    account: AccountId,
) -> Result<Option<(AccountRow, Vec<Position>)>, DbError> {
    let rows = sqlx::query(select_holdings!("a.id = $2"))
        .bind(read.tenant())
        .bind(account)
        .fetch_all(read)
        .await?;
    Ok(holdings(&rows)?)
}

fn holdings(rows: &[PgRow]) -> Result<Option<(AccountRow, Vec<Position>)>, sqlx::Error> {
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let account = AccountRow::from_row(first)?;
    let mut positions = Vec::with_capacity(rows.len());
    for row in rows {
        if row.try_get("has_position")? {
            positions.push(PositionRow::from_row(row)?.into_position());
        }
    }
    Ok(Some((account, positions)))
}

/// How many accounts the tenant has.
pub(crate) async fn count_accounts(read: &mut TenantRead) -> Result<u64, DbError> {
    let count: i64 = sqlx::query_scalar("select count(*) from trading.account where tenant_id = $1")
        .bind(read.tenant())
        .fetch_one(read)
        .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Accounts in the order in which they were opened.
pub(crate) async fn accounts_page(
    read: &mut TenantRead,
    after: Option<AccountId>,
    limit: u32,
) -> Result<Vec<ListedAccount>, DbError> {
    let accounts = sqlx::query_as(
        "select id, owner_id, status, opened_at from trading.account
         where tenant_id = $1 and ($2::uuid is null or id > $2) order by id limit $3",
    )
    .bind(read.tenant())
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(read)
    .await?;
    Ok(accounts)
}

/// Opens an account that counts its first deposit, which is to be [written](insert_deposit). `false` when the principal has one already.
pub(crate) async fn open_account(
    tx: &mut TenantTx,
    (id, owner): (AccountId, PrincipalId),
    cash: Cash,
    now: Timestamp,
) -> Result<bool, DbError> {
    let opened = sqlx::query(
        "insert into trading.account
             (tenant_id, id, owner_id, status, available_cents, held_cents, last_seq, opened_at)
         values ($1, $2, $3, 'active', $4, 0, 1, $5)
         on conflict (tenant_id, owner_id) do nothing",
    )
    .bind(tx.tenant())
    .bind(id)
    .bind(owner)
    .bind(cash.available)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(opened.rows_affected() == 1)
}

/// Writes the deposit with which an account was opened.
pub(crate) async fn insert_deposit(
    tx: &mut TenantTx,
    account: AccountId,
    deposit: Transfer,
    now: Timestamp,
) -> Result<(), DbError> {
    sqlx::query(
        "insert into trading.transfer (tenant_id, account_id, seq, asset, debit, credit, amount, code, created_at)
         values ($1, $2, 1, $3, $4, $5, $6, $7, $8)",
    )
    .bind(tx.tenant())
    .bind(account)
    .bind(deposit.asset().to_string())
    .bind(deposit.debit())
    .bind(deposit.credit())
    .bind(deposit.amount().units())
    .bind(deposit.code())
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}
