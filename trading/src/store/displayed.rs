//! The table `trading.displayed`, which belongs to no tenant.

use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantTx};
use sqlx::FromRow;

use crate::{Quantity, Symbol};

/// How much of a quote is sold.
#[derive(Debug, Clone, Copy, FromRow)]
pub(crate) struct DisplayedRow {
    pub(crate) symbol: Symbol,
    pub(crate) quote_seq: i64,
    #[sqlx(rename = "bid_taken_e6")]
    pub(crate) bid_taken: Quantity,
    #[sqlx(rename = "ask_taken_e6")]
    pub(crate) ask_taken: Quantity,
}

impl DisplayedRow {
    /// The row, or one of which nothing is taken where it counts a quote from beyond that time: whoever published that had a clock that was
    /// ahead, and nobody would take anything until it is that late. Quotes are numbered by the clock's microseconds or less.
    pub(crate) fn unless_beyond(self, furthest: Timestamp) -> Self {
        let furthest_us = i64::try_from(furthest.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX);
        if self.quote_seq <= furthest_us {
            return self;
        }
        tracing::warn!(
            symbol = %self.symbol, "a quote from the future was sold, which counts for nothing: are the instances' clocks kept?"
        );
        Self {
            quote_seq: 0,
            bid_taken: Quantity::ZERO,
            ask_taken: Quantity::ZERO,
            ..self
        }
    }
}

/// Makes a row for each symbol that has none.
pub(crate) async fn make_displayed(tx: &mut TenantTx, symbols: &[Symbol]) -> Result<(), DbError> {
    sqlx::query(
        "insert into trading.displayed (symbol, quote_seq, bid_taken_e6, ask_taken_e6)
         select symbol, 0, 0, 0 from unnest($1::text[]) as x (symbol) order by symbol
         on conflict (symbol) do nothing",
    )
    .bind(symbols)
    .execute(tx)
    .await?;
    Ok(())
}

/// Locks the rows of symbols in the order of these, waiting for each.
pub(crate) async fn lock_displayed(
    tx: &mut TenantTx,
    symbols: &[Symbol],
) -> Result<Vec<DisplayedRow>, DbError> {
    let rows = sqlx::query_as(
        "select symbol, quote_seq, bid_taken_e6, ask_taken_e6 from trading.displayed
         where symbol = any ($1) order by symbol for update",
    )
    .bind(symbols)
    .fetch_all(tx)
    .await?;
    Ok(rows)
}

/// Writes rows that are locked.
pub(crate) async fn write_displayed(tx: &mut TenantTx, rows: &[DisplayedRow]) -> Result<(), DbError> {
    let written = sqlx::query(
        "update trading.displayed d
         set quote_seq = x.quote_seq, bid_taken_e6 = x.bid_taken_e6, ask_taken_e6 = x.ask_taken_e6
         from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])
             as x (symbol, quote_seq, bid_taken_e6, ask_taken_e6)
         where d.symbol = x.symbol",
    )
    .bind(rows.iter().map(|row| row.symbol).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.quote_seq).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.bid_taken).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.ask_taken).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    match usize::try_from(written.rows_affected()) == Ok(rows.len()) {
        true => Ok(()),
        false => Err(DbError::from(sqlx::Error::RowNotFound)),
    }
}
