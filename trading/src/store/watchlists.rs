//! The tables `trading.watchlist` and `trading.watchlist_item`.

use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantRead, TenantTx};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use crate::Symbol;
use crate::service::{AccountId, Watched, Watchlist, WatchlistId};

macro_rules! select_watchlists {
    ($rest:literal) => {
        concat!(
            "select w.id, w.name, w.created_at, i.symbol, i.added_at
             from trading.watchlist w
             left join trading.watchlist_item i on i.tenant_id = w.tenant_id and i.watchlist_id = w.id
             where w.tenant_id = $1 and w.account_id = $2 ",
            $rest
        )
    };
}

/// The watchlists of an account, the oldest first, with their symbols in the order in which they were added.
pub(crate) async fn watchlists_of(
    read: &mut TenantRead,
    account: AccountId,
) -> Result<Vec<Watchlist>, DbError> {
    let rows = sqlx::query(select_watchlists!("order by w.id, i.added_at, i.symbol"))
        .bind(read.tenant())
        .bind(account)
        .fetch_all(read)
        .await?;
    Ok(grouped(&rows)?)
}

/// A watchlist of an account. The caller holds the account's lock.
pub(crate) async fn load_watchlist(
    tx: &mut TenantTx,
    account: AccountId,
    id: WatchlistId,
) -> Result<Option<Watchlist>, DbError> {
    let rows = sqlx::query(select_watchlists!("and w.id = $3 order by i.added_at, i.symbol"))
        .bind(tx.tenant())
        .bind(account)
        .bind(id)
        .fetch_all(tx)
        .await?;
    Ok(grouped(&rows)?.pop())
}

/// The names of an account's watchlists. The caller holds the account's lock.
pub(crate) async fn watchlist_names(tx: &mut TenantTx, account: AccountId) -> Result<Vec<String>, DbError> {
    let names =
        sqlx::query_scalar("select name from trading.watchlist where tenant_id = $1 and account_id = $2")
            .bind(tx.tenant())
            .bind(account)
            .fetch_all(tx)
            .await?;
    Ok(names)
}

/// Adds a watchlist with its symbols.
pub(crate) async fn insert_watchlist(
    tx: &mut TenantTx,
    account: AccountId,
    list: &Watchlist,
) -> Result<(), DbError> {
    sqlx::query(
        "insert into trading.watchlist (tenant_id, id, account_id, name, created_at) values ($1, $2, $3, $4, $5)",
    )
    .bind(tx.tenant())
    .bind(list.id)
    .bind(account)
    .bind(&list.name)
    .bind(list.created_at)
    .execute(&mut *tx)
    .await?;
    let symbols: Vec<Symbol> = list.items.iter().map(|item| item.symbol).collect();
    insert_watched(tx, list.id, &symbols, list.created_at).await
}

/// Adds symbols to a watchlist that does not have them.
pub(crate) async fn insert_watched(
    tx: &mut TenantTx,
    list: WatchlistId,
    symbols: &[Symbol],
    now: Timestamp,
) -> Result<(), DbError> {
    if symbols.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into trading.watchlist_item (tenant_id, watchlist_id, symbol, added_at)
         select $1, $2, symbol, $4 from unnest($3::text[]) as symbol",
    )
    .bind(tx.tenant())
    .bind(list)
    .bind(symbols)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes a symbol off a watchlist. `false` when it is not on it.
pub(crate) async fn delete_watched(
    tx: &mut TenantTx,
    list: WatchlistId,
    symbol: Symbol,
) -> Result<bool, DbError> {
    let deleted = sqlx::query(
        "delete from trading.watchlist_item where tenant_id = $1 and watchlist_id = $2 and symbol = $3",
    )
    .bind(tx.tenant())
    .bind(list)
    .bind(symbol)
    .execute(tx)
    .await?;
    Ok(deleted.rows_affected() == 1)
}

/// Deletes a watchlist with its symbols.
pub(crate) async fn delete_watchlist(tx: &mut TenantTx, list: WatchlistId) -> Result<(), DbError> {
    for sql in [
        "delete from trading.watchlist_item where tenant_id = $1 and watchlist_id = $2",
        "delete from trading.watchlist where tenant_id = $1 and id = $2",
    ] {
        sqlx::query(sql)
            .bind(tx.tenant())
            .bind(list)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

/// Rows of lists that follow one another, a row for each symbol and one for a list without any.
fn grouped(rows: &[PgRow]) -> Result<Vec<Watchlist>, sqlx::Error> {
    let mut lists: Vec<Watchlist> = Vec::new();
    for row in rows {
        let id = row.try_get("id")?;
        if lists.last().is_none_or(|last| last.id != id) {
            lists.push(Watchlist {
                id,
                name: row.try_get("name")?,
                created_at: row.try_get("created_at")?,
                items: Vec::new(),
            });
        }
        if row.try_get::<Option<Symbol>, _>("symbol")?.is_some()
            && let Some(list) = lists.last_mut()
        {
            list.items.push(Watched::from_row(row)?);
        }
    }
    Ok(lists)
}
