//! The table `trading.bar`, which belongs to no tenant.

use std::collections::BTreeMap;

use platform_core::Timestamp;
use platform_core::pg::{DbError, RoleTx};
use sqlx::FromRow;

use crate::market::{MarketBar, Timeframe, Volume};
use crate::{Price, Symbol};

/// Which stored bars are wanted, in the order of time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoredBars {
    pub(crate) symbol: Symbol,
    pub(crate) timeframe: Timeframe,
    /// The first moment at which one may begin.
    pub(crate) from: Timestamp,
    /// The first moment at which none may begin any more.
    pub(crate) until: Timestamp,
    pub(crate) limit: i64,
}

#[derive(Debug, FromRow)]
struct BarRow {
    symbol: Symbol,
    starts_at: Timestamp,
    open_e4: Price,
    high_e4: Price,
    low_e4: Price,
    close_e4: Price,
    volume_e6: i64,
    worth_e10: String,
    quotes: i64,
    first_seq: i64,
    last_seq: i64,
}

impl From<BarRow> for MarketBar {
    fn from(row: BarRow) -> Self {
        let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
        Self {
            symbol: row.symbol,
            start: row.starts_at,
            open: row.open_e4,
            high: row.high_e4,
            low: row.low_e4,
            close: row.close_e4,
            volume: Volume::from_e6(row.volume_e6),
            quotes: unsigned(row.quotes),
            worth_e10: row.worth_e10.parse().unwrap_or(0),
            first_seq: unsigned(row.first_seq),
            last_seq: unsigned(row.last_seq),
        }
    }
}

/// The bars that are stored.
pub(crate) async fn bars(tx: &mut RoleTx, wanted: StoredBars) -> Result<Vec<MarketBar>, DbError> {
    let rows: Vec<BarRow> = sqlx::query_as(
        "select symbol, starts_at, open_e4, high_e4, low_e4, close_e4, volume_e6, worth_e10::text as worth_e10, quotes,
                first_seq, last_seq
         from trading.bar
         where symbol = $1 and timeframe = $2 and starts_at >= $3 and starts_at < $4
         order by starts_at limit $5",
    )
    .bind(wanted.symbol)
    .bind(wanted.timeframe.as_str())
    .bind(wanted.from)
    .bind(wanted.until)
    .bind(wanted.limit)
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(MarketBar::from).collect())
}

/// Stores bars of a minute, and what they add to their days, in one statement. What is stored twice counts once.
pub(crate) async fn store_minutes(tx: &mut RoleTx, minutes: &[MarketBar]) -> Result<(), DbError> {
    let mut columns = Columns::default();
    for timeframe in [Timeframe::Minute, Timeframe::Day] {
        for bar in merged(minutes, timeframe).values() {
            columns.push(timeframe, bar);
        }
    }
    sqlx::query(
        "insert into trading.bar as old
             (symbol, timeframe, starts_at, open_e4, high_e4, low_e4, close_e4, volume_e6, worth_e10, quotes, first_seq, last_seq)
         select symbol, timeframe, starts_at, open_e4, high_e4, low_e4, close_e4, volume_e6, worth_e10::numeric, quotes,
                first_seq, last_seq
         from unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                     $8::bigint[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[])
             as new (symbol, timeframe, starts_at, open_e4, high_e4, low_e4, close_e4, volume_e6, worth_e10, quotes, first_seq,
                     last_seq)
         on conflict (symbol, timeframe, starts_at) do update set
             high_e4 = greatest(old.high_e4, excluded.high_e4), low_e4 = least(old.low_e4, excluded.low_e4),
             close_e4 = excluded.close_e4,
             volume_e6 = least(old.volume_e6::numeric + excluded.volume_e6, 9223372036854775807)::bigint,
             worth_e10 = least(old.worth_e10 + excluded.worth_e10, 9999999999999999999999999999),
             quotes = old.quotes + excluded.quotes, last_seq = excluded.last_seq
         where old.last_seq < excluded.first_seq",
    )
    .bind(columns.symbol)
    .bind(columns.timeframe)
    .bind(columns.starts_at)
    .bind(columns.open_e4)
    .bind(columns.high_e4)
    .bind(columns.low_e4)
    .bind(columns.close_e4)
    .bind(columns.volume_e6)
    .bind(columns.worth_e10)
    .bind(columns.quotes)
    .bind(columns.first_seq)
    .bind(columns.last_seq)
    .execute(tx)
    .await?;
    Ok(())
}

/// The number of the last quote of each of these symbols that is in a stored bar of a minute, of those that begin then or later.
pub(crate) async fn stored_until(
    tx: &mut RoleTx,
    symbols: &[Symbol],
    from: Timestamp,
) -> Result<Vec<(Symbol, u64)>, DbError> {
    let rows: Vec<(Symbol, i64)> = sqlx::query_as(
        "select symbol, max(last_seq) from trading.bar
         where symbol = any ($1) and timeframe = '1m' and starts_at >= $2
         group by symbol",
    )
    .bind(symbols)
    .bind(from)
    .fetch_all(tx)
    .await?;
    let read = |(symbol, seq)| (symbol, u64::try_from(seq).unwrap_or(0));
    Ok(rows.into_iter().map(read).collect())
}

/// Forgets bars of a minute from before a moment, at most `limit`. Tells how many.
pub(crate) async fn forget_minutes(tx: &mut RoleTx, before: Timestamp, limit: i64) -> Result<u64, DbError> {
    let done = sqlx::query(
        "delete from trading.bar where ctid = any (array(
             select ctid from trading.bar where timeframe = '1m' and starts_at < $1 limit $2))",
    )
    .bind(before)
    .bind(limit)
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}

/// One bar for each symbol and stretch of time, because a statement writes a row once.
fn merged(minutes: &[MarketBar], timeframe: Timeframe) -> BTreeMap<(Symbol, Timestamp), MarketBar> {
    let mut bars: BTreeMap<_, MarketBar> = BTreeMap::new();
    for minute in minutes {
        let start = timeframe.start_of(minute.start);
        bars.entry((minute.symbol, start))
            .and_modify(|bar| bar.merge(minute))
            .or_insert(MarketBar { start, ..*minute });
    }
    bars
}

#[derive(Debug, Default)]
struct Columns {
    symbol: Vec<Symbol>,
    timeframe: Vec<&'static str>,
    starts_at: Vec<Timestamp>,
    open_e4: Vec<Price>,
    high_e4: Vec<Price>,
    low_e4: Vec<Price>,
    close_e4: Vec<Price>,
    volume_e6: Vec<i64>,
    worth_e10: Vec<String>,
    quotes: Vec<i64>,
    first_seq: Vec<i64>,
    last_seq: Vec<i64>,
}

impl Columns {
    fn push(&mut self, timeframe: Timeframe, bar: &MarketBar) {
        let bigint = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.symbol.push(bar.symbol);
        self.timeframe.push(timeframe.as_str());
        self.starts_at.push(bar.start);
        self.open_e4.push(bar.open);
        self.high_e4.push(bar.high);
        self.low_e4.push(bar.low);
        self.close_e4.push(bar.close);
        self.volume_e6.push(bar.volume.e6());
        self.worth_e10.push(bar.worth_e10.to_string());
        self.quotes.push(bigint(bar.quotes));
        self.first_seq.push(bigint(bar.first_seq));
        self.last_seq.push(bigint(bar.last_seq));
    }
}
