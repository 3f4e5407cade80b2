//! What happened to an order, with every consequence spelt out.

use super::{Cents, Execution, Intake, OrderId, OrderTerms, Price, Quantity, Reason, Transfer};
use serde::{Deserialize, Serialize};

/// A fact about an order, with the transfers it causes.
///
/// An event says everything that is to be written: [`apply`](crate::apply) turns it into the new rows of account, position
/// and order, its transfers and its execution are rows themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The order was taken in. Transfers: the hold.
    Accepted {
        /// The order.
        #[serde(flatten)]
        intake: Intake,
        /// Whether it works at once.
        working: bool,
        /// The hold.
        transfers: Vec<Transfer>,
    },
    /// The order was refused for a reason of business, when it was placed or while it waited for the opening. It is kept, so that a
    /// repeated request finds the same answer. Transfers: the release of the hold of one that had waited.
    Rejected {
        /// The order.
        #[serde(flatten)]
        intake: Intake,
        /// Why.
        reject: Reject,
        /// The release.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        transfers: Vec<Transfer>,
    },
    /// The stop of the order was elected: the order works from this quote on.
    Triggered {
        /// The order.
        order_id: OrderId,
        /// The quote that elected it.
        #[serde(deserialize_with = "super::money::exact_integer")]
        quote_seq: u64,
    },
    /// The market opened for an order that had waited for it.
    Activated {
        /// The order.
        order_id: OrderId,
    },
    /// The terms of the order changed. Transfers: what more or less it holds; all of it where nothing is left to fill.
    Replaced {
        /// The order.
        order_id: OrderId,
        /// What it asks for now.
        terms: OrderTerms,
        /// The worst price it may execute at now.
        worst_price: Option<Price>,
        /// The first quote that can elect or fill the order as it is now.
        #[serde(deserialize_with = "super::money::exact_integer")]
        from_quote_seq: u64,
        /// Whether the order keeps its place among those with the same price.
        keeps_priority: bool,
        /// The change of the hold.
        transfers: Vec<Transfer>,
    },
    /// The order executed. Transfers: cash against shares, what the hold no longer needs, the fee.
    Filled {
        /// The execution.
        execution: Execution,
        /// Its transfers.
        transfers: Vec<Transfer>,
    },
    /// What was left of the order was withdrawn. Transfers: the release of the hold.
    Cancelled {
        /// The order.
        order_id: OrderId,
        /// Why.
        reason: Reason,
        /// The release.
        transfers: Vec<Transfer>,
    },
    /// The session of the order ended. Transfers: the release of the hold.
    Expired {
        /// The order.
        order_id: OrderId,
        /// The release.
        transfers: Vec<Transfer>,
    },
}

impl Event {
    /// The word for the kind of event.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Rejected { .. } => "rejected",
            Self::Triggered { .. } => "triggered",
            Self::Activated { .. } => "activated",
            Self::Replaced { .. } => "replaced",
            Self::Filled { .. } => "filled",
            Self::Cancelled { .. } => "cancelled",
            Self::Expired { .. } => "expired",
        }
    }

    /// The order it happened to.
    pub const fn order_id(&self) -> OrderId {
        match self {
            Self::Accepted { intake, .. } | Self::Rejected { intake, .. } => intake.order_id,
            Self::Filled { execution, .. } => execution.id.order_id,
            Self::Triggered { order_id, .. }
            | Self::Activated { order_id }
            | Self::Replaced { order_id, .. }
            | Self::Cancelled { order_id, .. }
            | Self::Expired { order_id, .. } => *order_id,
        }
    }

    /// The transfers it causes, in the order in which they are applied.
    pub fn transfers(&self) -> &[Transfer] {
        match self {
            Self::Accepted { transfers, .. }
            | Self::Rejected { transfers, .. }
            | Self::Filled { transfers, .. }
            | Self::Replaced { transfers, .. }
            | Self::Cancelled { transfers, .. }
            | Self::Expired { transfers, .. } => transfers,
            Self::Triggered { .. } | Self::Activated { .. } => &[],
        }
    }

    /// The execution, when it is one.
    pub const fn execution(&self) -> Option<&Execution> {
        match self {
            Self::Filled { execution, .. } => Some(execution),
            _ => None,
        }
    }

    /// The reason of business, when the order was refused for one.
    pub const fn reject(&self) -> Option<&Reject> {
        match self {
            Self::Rejected { reject, .. } => Some(reject),
            _ => None,
        }
    }
}

/// Why an order with nothing wrong in itself is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "reason", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reject {
    /// The buying power does not cover the hold.
    #[error("the order needs {needed} USD, {available} are available")]
    InsufficientFunds {
        /// The hold.
        needed: Cents,
        /// The buying power.
        available: Cents,
    },
    /// The account does not own as many shares that it may sell.
    #[error("the order sells {needed} shares, {available} are available")]
    InsufficientShares {
        /// What the order sells.
        needed: Quantity,
        /// What may be sold.
        available: Quantity,
    },
    /// The position would be larger than a quantity can be.
    #[error("the position would pass {limit} shares")]
    PositionLimit {
        /// The most shares a position may have.
        limit: Quantity,
    },
    /// The instrument is no longer traded.
    #[error("the symbol is no longer traded")]
    SymbolNotTraded,
}

impl Reject {
    /// The reason as it is stored with the order; its word is the stable code of the problem.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::InsufficientFunds { .. } => Reason::InsufficientFunds,
            Self::InsufficientShares { .. } => Reason::InsufficientShares,
            Self::PositionLimit { .. } => Reason::PositionLimit,
            Self::SymbolNotTraded => Reason::SymbolNotTraded,
        }
    }
}
