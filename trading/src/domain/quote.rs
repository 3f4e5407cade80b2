//! What an order sees of the market.

use super::{Price, Quantity};
use serde::Serialize;

/// The quote of one instrument, as far as an order is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct QuoteView {
    /// The number of the quote; each quote of the instrument has a higher one than the quote before.
    pub seq: u64,
    /// What buyers offer: the price a sell executes at.
    pub bid: Price,
    /// What sellers ask: the price a buy executes at.
    pub ask: Price,
    /// The price of the last trade: what positions are valued at.
    pub last: Price,
    /// How many shares can be sold at the bid.
    pub bid_size: Quantity,
    /// How many shares can be bought at the ask.
    pub ask_size: Quantity,
}

/// The market at the moment an order is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Market {
    /// The quote may be traded on.
    Open {
        /// The quote.
        quote: QuoteView,
        /// How much of its size the order may take: each quote offers its size once, whoever shares it out says to whom.
        offered: Quantity,
    },
    /// No quote may be traded on: the newest is stale, or trading in the instrument is halted. Orders that can wait do.
    Unusable {
        /// The number of the newest quote; the order only executes on a later one.
        seq: u64,
    },
    /// The market is closed: an order that can wait is pending until it opens.
    Closed {
        /// The newest quote, however old: what the collar of a market buy starts from. The order only executes on a later one.
        newest: Option<QuoteView>,
    },
}

impl Market {
    /// The number of the newest quote.
    pub const fn seq(&self) -> u64 {
        match self {
            Self::Open { quote, .. } => quote.seq,
            Self::Unusable { seq } => *seq,
            Self::Closed { newest: Some(quote) } => quote.seq,
            Self::Closed { newest: None } => 0,
        }
    }

    /// The number of the first quote that what happens now can meet: the usable one itself, otherwise the one after the newest.
    pub(super) const fn first_seq(&self) -> u64 {
        match self {
            Self::Open { quote, .. } => quote.seq,
            Self::Unusable { .. } | Self::Closed { .. } => self.seq().saturating_add(1),
        }
    }

    /// The quote, when it may be traded on.
    pub const fn usable(&self) -> Option<&QuoteView> {
        match self {
            Self::Open { quote, .. } => Some(quote),
            Self::Unusable { .. } | Self::Closed { .. } => None,
        }
    }

    /// The newest quote as far as it is known, whether it may be traded on or not: what prices are measured against.
    pub(super) const fn reference(&self) -> Option<&QuoteView> {
        match self {
            Self::Open { quote, .. } | Self::Closed { newest: Some(quote) } => Some(quote),
            Self::Unusable { .. } | Self::Closed { newest: None } => None,
        }
    }
}
