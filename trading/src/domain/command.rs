//! What can be asked of an account.

use super::{DecimalError, Market, OrderId, OrderStatus, OrderTerms, OrderType, Quantity, QuoteView};

/// A command on the account and order that were loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Places an order. The market is open; the caller has checked that.
    Place {
        /// The id the order gets.
        order_id: OrderId,
        /// What it asks for.
        terms: OrderTerms,
        /// The market it meets.
        market: Market,
    },
    /// Executes a resting order on a newer quote, as far as it can. A quote that is not newer, a price that is not good
    /// enough, nothing offered or an order that is no longer working is no error: nothing happens.
    Fill {
        /// The quote.
        quote: QuoteView,
        /// How much of its size the order may take.
        offered: Quantity,
    },
    /// Withdraws an open order.
    Cancel,
    /// Ends an open order whose session is over.
    Expire,
}

/// A command cannot be carried out, and nothing is recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// Orders of this type are not taken.
    #[error(transparent)]
    UnsupportedOrderType(#[from] UnsupportedOrderType),
    /// The order is worth more than one order may be.
    #[error("the order is worth more than one order may be")]
    NotionalTooLarge,
    /// An amount of the order leaves its range.
    #[error(transparent)]
    OutOfRange(#[from] DecimalError),
    /// The order needs a quote, and none may be traded on now. The same request may succeed later.
    #[error("there is no current quote to trade on")]
    NoUsableQuote,
    /// The order is final.
    #[error("the order is {status}")]
    OrderClosed {
        /// Its state.
        status: OrderStatus,
    },
    /// The state is not the one the command needs; a defect of the caller.
    #[error("the rows that were loaded do not belong to the command")]
    State(#[from] super::ApplyError),
}

impl Invalid {
    /// The stable code of the problem, for clients.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnsupportedOrderType(_) => "unsupported_order_type",
            Self::NotionalTooLarge => "notional_too_large",
            Self::OutOfRange(error) => error.code(),
            Self::NoUsableQuote => "stale_quote",
            Self::OrderClosed { status } => status.conflict_code(),
            Self::State(_) => "internal",
        }
    }
}

/// Orders of a type are not taken yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{order_type} orders are not taken yet")]
pub struct UnsupportedOrderType {
    /// The type.
    pub order_type: OrderType,
}
