//! What can be asked of an account.

use super::{
    DecimalError, FieldError, Market, OrderId, OrderStatus, OrderTerms, Quantity, QuoteView, Reject,
    Replacement,
};

/// A command on the account and order that were loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Places an order. It works at once, or waits for its stop or, while the market is closed, for the opening.
    Place {
        /// The id the order gets.
        order_id: OrderId,
        /// What it asks for.
        terms: OrderTerms,
        /// The market it meets.
        market: Market,
    },
    /// Elects the stop of a waiting order, when the quote does. A quote that is not newer, that does not elect it, or an order
    /// that waits for no stop is no error: nothing happens. The elected order then meets the same quote by [`Command::Fill`], in
    /// its turn among the others.
    Elect {
        /// The quote.
        quote: QuoteView,
    },
    /// Lets an order work that waited for the opening. An order that works already, or still waits for its stop, stays as it is.
    Activate,
    /// Refuses an order that waited for the opening.
    Reject {
        /// Why.
        reject: Reject,
    },
    /// Executes a resting order on a newer quote, as far as it can. A quote that is not newer, a price that is not good
    /// enough, nothing offered or an order that is no longer working is no error: nothing happens.
    Fill {
        /// The quote.
        quote: QuoteView,
        /// How much of its size the order may take.
        offered: Quantity,
    },
    /// Changes the terms of an open order, and lets it meet the market at once under the new ones. A change of nothing is no
    /// error: nothing happens.
    Replace {
        /// What shall be different.
        replacement: Replacement,
        /// The market it meets. An order that has executed on its quote waits for the next.
        market: Market,
    },
    /// Withdraws an open order.
    Cancel,
    /// Withdraws what an immediate order has not filled, as placing it does by itself.
    Kill,
    /// Ends an open order whose session is over.
    Expire,
}

/// A command cannot be carried out, and nothing is recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// The order is worth more than one order may be.
    #[error("the order is worth more than one order may be")]
    NotionalTooLarge,
    /// An amount of the order leaves its range.
    #[error(transparent)]
    OutOfRange(#[from] DecimalError),
    /// A field of a replacement does not go with the order.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The market has passed the stop already: the order would be elected at once.
    #[error("the market is already through the stop")]
    StopThroughMarket,
    /// The stop was elected: its price cannot change any more.
    #[error("the stop was elected")]
    StopElected,
    /// An order that may not wait meets a closed market.
    #[error("the market is closed")]
    MarketClosed,
    /// The order needs a quote, and none may be traded on now. The same request may succeed later.
    #[error("there is no current quote to trade on")]
    NoUsableQuote,
    /// The account does not have what a replacement needs in addition.
    #[error(transparent)]
    Refused(Reject),
    /// The order is final.
    #[error("the order is {status}")]
    OrderClosed {
        /// Its state.
        status: OrderStatus,
    },
    /// Only what an immediate order leaves can be killed; a defect of the caller.
    #[error("the order may rest")]
    NotImmediate,
    /// The state is not the one the command needs; a defect of the caller.
    #[error("the rows that were loaded do not belong to the command")]
    State(#[from] super::ApplyError),
}

impl Invalid {
    /// The stable code of the problem, for clients.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotionalTooLarge => "notional_too_large",
            Self::OutOfRange(error) => error.code(),
            Self::Field(error) => error.problem.code(),
            Self::StopThroughMarket => "stop_through_market",
            Self::StopElected => "stop_elected",
            Self::MarketClosed => "market_closed",
            Self::NoUsableQuote => "stale_quote",
            Self::Refused(reject) => reject.reason().as_str(),
            Self::OrderClosed { status } => status.conflict_code(),
            Self::NotImmediate | Self::State(_) => "internal",
        }
    }
}
