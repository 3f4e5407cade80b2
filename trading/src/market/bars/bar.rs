//! A bar, and how two become one.

use std::fmt;

use platform_core::Timestamp;
use serde::{Serialize, Serializer};

use crate::{Price, Quantity, Quote, Symbol};

/// The largest worth of what a bar counts, in 1e-10 USD, which a column has room for.
const WORTH_MAX: i128 = 9_999_999_999_999_999_999_999_999_999;

/// What a symbol cost over a stretch of time.
///
/// Made of the `last` of the quotes that were published in it, each of which counts as one print. There are no reported trades in a
/// simulated market, and so the volume is not what was traded: a print counts with the size that its quote displays on the side where
/// its price is, the ask's at the ask or above, the bid's at the bid or below, and the smaller one between.
///
/// A stretch without a quote has no bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarketBar {
    /// The symbol.
    pub symbol: Symbol,
    /// The moment it begins at, by which it is named.
    pub start: Timestamp,
    /// The first price.
    pub open: Price,
    /// The highest price.
    pub high: Price,
    /// The lowest price.
    pub low: Price,
    /// The last price.
    pub close: Price,
    /// The sum of the sizes.
    pub volume: Volume,
    /// How many quotes.
    pub quotes: u64,
    /// The sum of sizes times prices, in 1e-10 USD.
    pub(crate) worth_e10: i128,
    /// The numbers of the first and the last quote.
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
}

impl MarketBar {
    /// The bar of one quote.
    pub(crate) fn of(quote: &Quote, start: Timestamp) -> Self {
        let size = size(quote);
        Self {
            symbol: quote.symbol,
            start,
            open: quote.last,
            high: quote.last,
            low: quote.last,
            close: quote.last,
            volume: Volume(size.e6()),
            quotes: 1,
            worth_e10: i128::from(size.e6()) * i128::from(quote.last.e4()),
            first_seq: quote.seq,
            last_seq: quote.seq,
        }
    }

    /// The bar of both. What the other has of the quotes before its own is not told again: it counts only where it is newer.
    pub(crate) fn merge(&mut self, later: &Self) {
        if later.first_seq <= self.last_seq {
            return;
        }
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.close = later.close;
        self.volume = Volume(self.volume.0.saturating_add(later.volume.0));
        self.worth_e10 = (self.worth_e10 + later.worth_e10).min(WORTH_MAX);
        self.quotes = self.quotes.saturating_add(later.quotes);
        self.last_seq = later.last_seq;
    }

    /// The average price by volume, rounded half-even to four decimals; `None` without a volume.
    pub fn vwap(&self) -> Option<Price> {
        let volume = i128::from(self.volume.0);
        let (quotient, rest) = (
            self.worth_e10.checked_div(volume)?,
            self.worth_e10.checked_rem(volume)?,
        );
        let rounds_up = match (rest * 2).cmp(&volume) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => quotient % 2 == 1,
            std::cmp::Ordering::Greater => true,
        };
        Price::from_e4(i64::try_from(quotient + i128::from(rounds_up)).ok()?).ok()
    }
}

fn size(quote: &Quote) -> Quantity {
    if quote.last >= quote.ask {
        quote.ask_size
    } else if quote.last <= quote.bid {
        quote.bid_size
    } else {
        quote.bid_size.min(quote.ask_size)
    }
}

/// A number of shares summed over quotes, in 1e-6 shares: up to 9.2e12 shares, where sums end. In JSON a decimal string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Volume(i64);

impl Volume {
    /// In 1e-6 shares; nothing where that is less than nothing.
    pub fn from_e6(e6: i64) -> Self {
        Self(e6.max(0))
    }

    /// In 1e-6 shares.
    pub const fn e6(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000);
        f.pad(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Serialize for Volume {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
