//! What can be traded.

use serde::{Deserialize, Serialize};

use super::{QuoteSource, units};
use crate::{Price, Symbol};

/// A symbol that a board quotes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Instrument {
    /// The symbol.
    pub symbol: Symbol,
    /// The company, for people. The symbol again where nothing better is known.
    pub name: String,
    /// The step between two prices of an order.
    pub tick: Price,
    /// Where its prices come from.
    pub source: QuoteSource,
}

impl Instrument {
    /// An instrument with a tick of one cent and the name that is known for `symbol`.
    pub fn new(symbol: Symbol, source: QuoteSource) -> Self {
        let name = company(symbol.as_str()).unwrap_or(symbol.as_str()).to_owned();
        Self {
            symbol,
            name,
            tick: units::price(TICK_E4),
            source,
        }
    }
}

/// One cent.
pub(crate) const TICK_E4: i64 = 100;

fn company(symbol: &str) -> Option<&'static str> {
    Some(match symbol {
        "AAPL" => "Apple Inc.",
        "AMD" => "Advanced Micro Devices, Inc.",
        "AMZN" => "Amazon.com, Inc.",
        "BAC" => "Bank of America Corporation",
        "DIS" => "The Walt Disney Company",
        "FB" => "Facebook, Inc.",
        "GOOG" => "Google Inc.",
        "GOOGL" => "Alphabet Inc.",
        "HD" => "The Home Depot, Inc.",
        "IBM" => "International Business Machines Corporation",
        "INTC" => "Intel Corporation",
        "JNJ" => "Johnson & Johnson",
        "JPM" => "JPMorgan Chase & Co.",
        "META" => "Meta Platforms, Inc.",
        "MSFT" => "Microsoft Corporation",
        "NFLX" => "Netflix, Inc.",
        "NVDA" => "NVIDIA Corporation",
        "PG" => "The Procter & Gamble Company",
        "TSLA" => "Tesla, Inc.",
        "UNH" => "UnitedHealth Group Incorporated",
        "V" => "Visa Inc.",
        "WMT" => "Walmart Inc.",
        "XOM" => "Exxon Mobil Corporation",
        _ => return None,
    })
}
