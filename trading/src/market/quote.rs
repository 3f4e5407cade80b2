//! What a quote is.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use platform_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Price, Quantity, QuoteView, Symbol};

/// Where the prices of a symbol come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum QuoteSource {
    /// The seeded random walk.
    Simulator,
    /// A file of recorded data.
    Replay,
}

/// The best prices of a symbol at a moment, as published by a [`QuoteBoard`](crate::QuoteBoard).
///
/// `bid <= last <= ask` holds for the feeds of this crate; a recording may carry a print outside its bid and ask. In JSON prices
/// and sizes are decimal strings and times are RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Quote {
    /// The number of this publication. It grows over all symbols of a board, and across restarts as long as the clock does.
    pub seq: u64,
    /// The symbol.
    pub symbol: Symbol,
    /// The best price a seller gets.
    pub bid: Price,
    /// Shares wanted at `bid`.
    pub bid_size: Quantity,
    /// The best price a buyer pays.
    pub ask: Price,
    /// Shares offered at `ask`.
    pub ask_size: Quantity,
    /// The price of the last trade.
    pub last: Price,
    /// When the quote was published, by the service's clock. Staleness counts from here.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// When the quote was made: the time in the recording, or the same as `at` for the simulator.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub source_at: Timestamp,
    /// What made the quote.
    pub source: QuoteSource,
    /// Whether trading in the symbol was halted with it. Such a quote is not traded on.
    #[serde(default)]
    pub halted: bool,
}

impl From<&Quote> for QuoteView {
    fn from(quote: &Quote) -> Self {
        Self {
            seq: quote.seq,
            bid: quote.bid,
            ask: quote.ask,
            last: quote.last,
            bid_size: quote.bid_size,
            ask_size: quote.ask_size,
        }
    }
}

/// What a feed has to say about a symbol: a quote that is not published yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteUpdate {
    /// The symbol.
    pub symbol: Symbol,
    /// The best price a seller gets.
    pub bid: Price,
    /// Shares wanted at `bid`.
    pub bid_size: Quantity,
    /// The best price a buyer pays.
    pub ask: Price,
    /// Shares offered at `ask`.
    pub ask_size: Quantity,
    /// The price of the last trade.
    pub last: Price,
    /// When the quote was made.
    pub source_at: Timestamp,
    /// What made the quote.
    pub source: QuoteSource,
}

impl QuoteUpdate {
    /// Without a number yet.
    pub(crate) fn published(self, at: Timestamp) -> Quote {
        Quote {
            seq: 0,
            symbol: self.symbol,
            bid: self.bid,
            bid_size: self.bid_size,
            ask: self.ask,
            ask_size: self.ask_size,
            last: self.last,
            at,
            source_at: self.source_at,
            source: self.source,
            halted: false,
        }
    }
}

/// A [`Quote`] on the board, with its JSON, which is written at most once however many subscribers send it.
#[derive(Debug)]
pub struct PublishedQuote {
    quote: Quote,
    json: OnceLock<Arc<str>>,
}

impl PublishedQuote {
    pub(crate) fn new(quote: Quote) -> Self {
        Self {
            quote,
            json: OnceLock::new(),
        }
    }

    /// The quote as a JSON object.
    pub fn json(&self) -> &str {
        self.json.get_or_init(|| {
            serde_json::to_string(&self.quote)
                .expect("a quote has only strings and numbers")
                .into()
        })
    }
}

impl Deref for PublishedQuote {
    type Target = Quote;

    fn deref(&self) -> &Quote {
        &self.quote
    }
}
