//! Recorded data in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::bar::Bar;
use super::error::ReplayError;
use super::lines::Lines;
use super::parse::{self, Format, QuoteRow};
use crate::Symbol;

/// The most rows of a file.
const ROWS_MAX: usize = 5_000_000;
/// The most symbols of a file. Each is quoted at every tick.
const SYMBOLS_MAX: usize = 1_000;

/// Recorded market data that was read and checked as a whole.
///
/// A file is plain or gzip, which its first bytes tell, and has one of two formats, which its header tells:
///
/// - quote rows `ts,symbol,bid,bid_size,ask,ask_size,last`: times in RFC 3339 that never decrease, `bid <= ask`;
/// - daily bars `Ticker,Date,Open,High,Low,Close,Volume` and any further columns: for each symbol dates that increase, and
///   `Low <= Open, Close <= High`.
///
/// Prices have at most 4 decimals and sizes at most 6. Blank lines are skipped. A file has at most 5,000,000 rows, 1,000 symbols,
/// 1 GiB of text and 4,096 bytes in a line. The rows stay in memory: 80 bytes each, and up to 220 while the file is read. Reading
/// blocks: call it before the service starts, or where blocking is allowed.
///
/// ```
/// use trading::{ReplayData, ReplayError};
///
/// let file = "ts,symbol,bid,bid_size,ask,ask_size,last\n\
///             2026-01-02T14:30:00Z,ACME,10.00,100,10.01,200,10.01\n";
/// let data = ReplayData::read("acme.csv", file.as_bytes())?;
/// assert_eq!(data.rows(), 1);
///
/// let error = ReplayData::read("acme.csv", file.replace("10.00", "-1").as_bytes()).unwrap_err();
/// assert!(matches!(error, ReplayError::Malformed(at) if at.line == 2 && at.column == Some("bid")));
/// # Ok::<(), ReplayError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ReplayData {
    pub(super) content: Content,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    Bars(BTreeMap<Symbol, Vec<Bar>>),
    Quotes(Vec<QuoteRow>),
}

impl ReplayData {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`ReplayError`] with the file, the line and what was expected there.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReplayError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let file = File::open(path).map_err(|source| ReplayError::Unreadable {
            file: name.clone(),
            line: 0,
            source,
        })?;
        Self::read(&name, file)
    }

    /// Reads `source`, which messages call `file`.
    ///
    /// # Errors
    /// As [`ReplayData::open`].
    pub fn read(file: &str, source: impl Read) -> Result<Self, ReplayError> {
        let mut lines = Lines::new(file, source)?;
        let (format, columns) = parse::header(&mut lines)?;
        let content = match format {
            Format::Bars => Content::Bars(read_bars(&mut lines, columns)?),
            Format::Quotes => Content::Quotes(read_quotes(&mut lines, columns)?),
        };
        Ok(Self { content })
    }

    /// Daily bars of AAPL, FB, GOOG, IBM and MSFT from March 2000 to March 2013, compiled in (290 KiB).
    ///
    /// Source: `bokeh_sampledata`, BSD-3-Clause, Copyright (c) Bokeh Contributors; see the folder `data` of this crate.
    ///
    /// # Errors
    /// None that a build can have: a test reads the file.
    pub fn bundled() -> Result<Self, ReplayError> {
        const NAME: &str = "stocks-daily-ohlcv-2000-2013.csv.gz";
        let file: &[u8] = include_bytes!("../../../data/stocks-daily-ohlcv-2000-2013.csv.gz");
        Self::read(NAME, file)
    }

    /// The symbols, each once, in their order.
    pub fn symbols(&self) -> Vec<Symbol> {
        match &self.content {
            Content::Bars(bars) => bars.keys().copied().collect(),
            Content::Quotes(rows) => distinct_symbols(rows),
        }
    }

    /// How many rows the file has, without its header.
    pub fn rows(&self) -> usize {
        match &self.content {
            Content::Bars(bars) => bars.values().map(Vec::len).sum(),
            Content::Quotes(rows) => rows.len(),
        }
    }

    /// The daily bars of a symbol by date. `None` when the file has none.
    pub fn bars(&self, symbol: Symbol) -> Option<&[Bar]> {
        match &self.content {
            Content::Bars(bars) => bars.get(&symbol).map(Vec::as_slice),
            Content::Quotes(_) => None,
        }
    }
}

fn distinct_symbols(rows: &[QuoteRow]) -> Vec<Symbol> {
    let symbols: std::collections::BTreeSet<_> = rows.iter().map(|row| row.symbol).collect();
    symbols.into_iter().collect()
}

fn read_bars(lines: &mut Lines<'_>, columns: usize) -> Result<BTreeMap<Symbol, Vec<Bar>>, ReplayError> {
    let mut series: BTreeMap<Symbol, Vec<Bar>> = BTreeMap::new();
    let mut count = 0;
    while let Some(line) = lines.next()? {
        let (symbol, bar) = parse::bar(lines, columns, &line)?;
        count = counted(lines, count)?;
        let bars = series.entry(symbol).or_default();
        if let Some(before) = bars.last().filter(|before| before.date >= bar.date) {
            let expected = format!("a date of {symbol} after {}", before.date);
            return Err(lines.wrong("Date", &bar.date.to_string(), expected));
        }
        bars.push(bar);
        check_symbols(lines, series.len())?;
    }
    check_not_empty(lines, count)?;
    Ok(series)
}

fn read_quotes(lines: &mut Lines<'_>, columns: usize) -> Result<Vec<QuoteRow>, ReplayError> {
    let mut rows: Vec<QuoteRow> = Vec::new();
    let mut symbols = std::collections::HashSet::new();
    while let Some(line) = lines.next()? {
        let row = parse::quote(lines, columns, &line)?;
        counted(lines, rows.len())?;
        if let Some(before) = rows.last().filter(|before| before.ts > row.ts) {
            let expected = format!("a time that is not before {}", before.ts);
            return Err(lines.wrong("ts", line.split(',').next().unwrap_or_default(), expected));
        }
        symbols.insert(row.symbol);
        rows.push(row);
        check_symbols(lines, symbols.len())?;
    }
    check_not_empty(lines, rows.len())?;
    rows.shrink_to_fit();
    Ok(rows)
}

fn counted(lines: &Lines<'_>, count: usize) -> Result<usize, ReplayError> {
    if count == ROWS_MAX {
        return Err(lines.too_large(format!("{ROWS_MAX} rows")));
    }
    Ok(count + 1)
}

fn check_symbols(lines: &Lines<'_>, count: usize) -> Result<(), ReplayError> {
    if count > SYMBOLS_MAX {
        return Err(lines.too_large(format!("{SYMBOLS_MAX} symbols")));
    }
    Ok(())
}

fn check_not_empty(lines: &Lines<'_>, count: usize) -> Result<(), ReplayError> {
    if count == 0 {
        return Err(lines.wrong_line("the end of the file after the header", "rows"));
    }
    Ok(())
}
