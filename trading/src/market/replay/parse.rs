//! The two formats of recorded data, row by row.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use platform_core::Timestamp;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, UtcOffset};

use super::bar::Bar;
use super::error::{ReplayError, shown};
use super::lines::Lines;
use crate::{DecimalError, Price, Quantity, Symbol};

/// The header of daily bars. More columns may follow.
const BAR_COLUMNS: [&str; 7] = ["Ticker", "Date", "Open", "High", "Low", "Close", "Volume"];
/// The header of quote rows. No columns may follow.
const QUOTE_COLUMNS: [&str; 7] = ["ts", "symbol", "bid", "bid_size", "ask", "ask_size", "last"];

/// What a file holds, told by its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Bars,
    Quotes,
}

/// One recorded quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QuoteRow {
    pub(super) ts: Timestamp,
    pub(super) symbol: Symbol,
    pub(super) bid: Price,
    pub(super) bid_size: Quantity,
    pub(super) ask: Price,
    pub(super) ask_size: Quantity,
    pub(super) last: Price,
}

/// Reads the header and tells the format and the number of columns.
pub(super) fn header(lines: &mut Lines<'_>) -> Result<(Format, usize), ReplayError> {
    let expected = || {
        format!(
            "the header {} or {}[,…]",
            QUOTE_COLUMNS.join(","),
            BAR_COLUMNS.join(",")
        )
    };
    let Some(line) = lines.next()? else {
        return Err(lines.wrong_line("an empty file", expected()));
    };
    let fields = split(lines, &line)?;
    let begins_with = |columns: [&str; 7]| {
        let names = fields.iter().map(|field| field.trim());
        fields.len() >= columns.len()
            && names
                .zip(columns)
                .all(|(name, column)| name.eq_ignore_ascii_case(column))
    };
    if begins_with(QUOTE_COLUMNS) && fields.len() == QUOTE_COLUMNS.len() {
        Ok((Format::Quotes, fields.len()))
    } else if begins_with(BAR_COLUMNS) {
        Ok((Format::Bars, fields.len()))
    } else {
        Err(lines.wrong_line(shown(&line), expected()))
    }
}

/// Reads a daily bar from the line that `lines` read last.
pub(super) fn bar(lines: &Lines<'_>, columns: usize, line: &str) -> Result<(Symbol, Bar), ReplayError> {
    let fields = fields(lines, columns, line)?;
    let [symbol, date, open, high, low, close, volume] = &fields;
    let symbol = parsed::<Symbol>(lines, "Ticker", symbol)?;
    let bar = Bar {
        date: Date::parse(date, format_description!("[year]-[month]-[day]"))
            .map_err(|_| lines.wrong("Date", date, "a date such as 2013-03-01"))?,
        open: parsed(lines, "Open", open)?,
        high: parsed(lines, "High", high)?,
        low: parsed(lines, "Low", low)?,
        close: parsed(lines, "Close", close)?,
        volume: volume_of(volume).ok_or_else(|| {
            lines.wrong(
                "Volume",
                volume,
                "a whole number of shares, less than 1000000000000000",
            )
        })?,
    };
    if bar.high < bar.low {
        let expected = format!("a price that is not below the Low of {}", bar.low);
        return Err(lines.wrong("High", high, expected));
    }
    for (column, text, price) in [("Open", open, bar.open), ("Close", close, bar.close)] {
        if price < bar.low || price > bar.high {
            let expected = format!("a price from the Low of {} to the High of {}", bar.low, bar.high);
            return Err(lines.wrong(column, text, expected));
        }
    }
    Ok((symbol, bar))
}

/// Reads a quote from the line that `lines` read last.
pub(super) fn quote(lines: &Lines<'_>, columns: usize, line: &str) -> Result<QuoteRow, ReplayError> {
    let fields = fields(lines, columns, line)?;
    let [ts, symbol, bid, bid_size, ask, ask_size, last] = &fields;
    let row = QuoteRow {
        ts: time_of(ts)
            .ok_or_else(|| lines.wrong("ts", ts, "a time with its offset such as 2013-03-01T14:30:00.5Z"))?,
        symbol: parsed(lines, "symbol", symbol)?,
        bid: parsed(lines, "bid", bid)?,
        bid_size: parsed(lines, "bid_size", bid_size)?,
        ask: parsed(lines, "ask", ask)?,
        ask_size: parsed(lines, "ask_size", ask_size)?,
        last: parsed(lines, "last", last)?,
    };
    if row.ask < row.bid {
        let expected = format!("a price that is not below the bid of {}", row.bid);
        return Err(lines.wrong("ask", ask, expected));
    }
    Ok(row)
}

/// A field whose type says what is wrong with it.
fn parsed<T: Field>(lines: &Lines<'_>, column: &'static str, text: &str) -> Result<T, ReplayError> {
    text.parse()
        .map_err(|error| lines.wrong(column, text, T::expected(&error)))
}

trait Field: FromStr<Err: Display> {
    fn expected(error: &Self::Err) -> String;
}

impl Field for Symbol {
    fn expected(_: &Self::Err) -> String {
        "a symbol of 1 to 12 characters out of A-Z, 0-9, point and hyphen".to_owned()
    }
}

impl Field for Price {
    fn expected(error: &DecimalError) -> String {
        match error {
            DecimalError::TooManyDecimals { scale, .. } => format!("a price with at most {scale} decimals"),
            DecimalError::OutOfRange { min, max, .. } => format!("a price from {min} to {max}"),
            _ => "a price such as 178.50".to_owned(),
        }
    }
}

impl Field for Quantity {
    fn expected(error: &DecimalError) -> String {
        match error {
            DecimalError::TooManyDecimals { scale, .. } => {
                format!("a quantity with at most {scale} decimals")
            }
            DecimalError::OutOfRange { min, max, .. } => format!("a quantity from {min} to {max}"),
            _ => "a quantity such as 100".to_owned(),
        }
    }
}

fn time_of(text: &str) -> Option<Timestamp> {
    let time = Timestamp::parse(text, &Rfc3339).ok()?;
    // The last hours of the year 9999 have no UTC.
    time.checked_to_offset(UtcOffset::UTC)
}

fn volume_of(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

/// The first seven fields of a row that has as many fields as the header.
fn fields<'l>(lines: &Lines<'_>, columns: usize, line: &'l str) -> Result<[Cow<'l, str>; 7], ReplayError> {
    let fields = split(lines, line)?;
    let count = fields.len();
    let mismatch = || {
        lines.wrong_line(
            format!("{count} fields"),
            format!("{columns} fields as in the header"),
        )
    };
    if count != columns {
        return Err(mismatch());
    }
    let mut fields = fields;
    fields.truncate(7);
    fields.try_into().map_err(|_| mismatch())
}

/// The fields of a line. Quotation marks are rare, so only a line that has some pays for the full grammar of CSV.
fn split<'l>(lines: &Lines<'_>, line: &'l str) -> Result<Vec<Cow<'l, str>>, ReplayError> {
    if !line.contains('"') {
        return Ok(line.split(',').map(Cow::Borrowed).collect());
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(line.as_bytes());
    let record = reader.records().next();
    match record {
        Some(Ok(record)) => Ok(record.iter().map(|field| Cow::Owned(field.to_owned())).collect()),
        _ => Err(lines.wrong_line(shown(line), "a row of comma-separated values")),
    }
}
