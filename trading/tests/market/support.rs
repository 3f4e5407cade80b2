//! Quotes and boards for tests.

use platform_core::Timestamp;
use time::macros::datetime;
use trading::{
    BoardConfig, Instrument, Liquidity, Price, Quantity, QuoteBoard, QuoteSource, QuoteUpdate, Side, Symbol,
    TakeRequest,
};

pub(crate) const NOW: Timestamp = datetime!(2026-01-02 15:00:00 UTC);

pub(crate) fn symbol(text: &str) -> Symbol {
    text.parse().unwrap()
}

pub(crate) fn price(text: &str) -> Price {
    text.parse().unwrap()
}

pub(crate) fn shares(count: i64) -> Quantity {
    Quantity::from_e6(count * 1_000_000).unwrap()
}

/// A board of the symbols `A`, `B` and `C`.
pub(crate) fn board() -> QuoteBoard {
    board_with(Liquidity::Displayed)
}

pub(crate) fn board_with(liquidity: Liquidity) -> QuoteBoard {
    let instruments = ["A", "B", "C"]
        .map(|text| Instrument::new(symbol(text), QuoteSource::Simulator))
        .into();
    let config = BoardConfig {
        liquidity,
        ..BoardConfig::default()
    };
    QuoteBoard::new(instruments, config)
}

/// 10.00 bid for 300 shares, 10.01 asked for 500.
pub(crate) fn update(text: &str) -> QuoteUpdate {
    QuoteUpdate {
        symbol: symbol(text),
        bid: price("10.00"),
        bid_size: shares(300),
        ask: price("10.01"),
        ask_size: shares(500),
        last: price("10.01"),
        source_at: NOW,
        source: QuoteSource::Simulator,
    }
}

/// A purchase of so many `A` at any price.
pub(crate) fn buy(count: i64) -> TakeRequest {
    TakeRequest {
        symbol: symbol("A"),
        side: Side::Buy,
        wanted: shares(count),
        limit: None,
        all_or_none: false,
        newer_than: None,
        now: NOW,
    }
}
