//! The states of an order and the steps between them.

use super::words::word_enum;

word_enum! {
    /// Where an order stands.
    OrderStatus ("status") {
        /// Durable and held, not yet eligible: the market is closed or the stop has not been elected.
        Pending = "pending",
        /// Working, nothing filled.
        Submitted = "submitted",
        /// Working, filled in part.
        Partial = "partial",
        /// Completely filled. Final.
        Filled = "filled",
        /// Withdrawn, by the customer or by its time in force; what was filled stays filled. Final.
        Cancelled = "cancelled",
        /// Never worked. Final.
        Rejected = "rejected",
        /// Its session is over; what was filled stays filled. Final.
        Expired = "expired",
    }
}

/// What can happen to an order, as far as its state is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The order is taken in and works at once, or (`working: false`) waits for the opening or its stop.
    Accept {
        /// Whether it works at once.
        working: bool,
    },
    /// The order is refused, when it is taken in or later at the opening.
    Reject,
    /// The market opens, or the stop is elected.
    Activate,
    /// An execution that leaves something to fill.
    FillPart,
    /// The execution that leaves nothing.
    FillRest,
    /// The customer withdraws it.
    Cancel,
    /// Its session ends.
    Expire,
    /// Its terms change; `complete` when the new quantity is no more than what is already filled.
    Replace {
        /// Whether nothing is left to fill under the new terms.
        complete: bool,
    },
    /// The remainder of an immediate-or-cancel order, or an unfilled fill-or-kill order, is withdrawn.
    Kill,
}

/// A step is not possible from a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no step {step:?} from {}", from.map_or("no order", OrderStatus::as_str))]
pub struct InvalidTransition {
    /// The state; `None` for an order that does not exist yet.
    pub from: Option<OrderStatus>,
    /// The step.
    pub step: Step,
}

impl OrderStatus {
    /// Whether nothing can happen to the order any more; its hold is then zero.
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Filled | Self::Cancelled | Self::Rejected | Self::Expired
        )
    }

    /// Whether the order takes part in matching.
    pub const fn is_working(self) -> bool {
        matches!(self, Self::Submitted | Self::Partial)
    }

    /// The code of the conflict that a command on an order in this final state meets.
    pub const fn conflict_code(self) -> &'static str {
        match self {
            Self::Pending => "order_pending",
            Self::Submitted => "order_submitted",
            Self::Partial => "order_partial",
            Self::Filled => "order_filled",
            Self::Cancelled => "order_cancelled",
            Self::Rejected => "order_rejected",
            Self::Expired => "order_expired",
        }
    }
}

/// The state after a step; `from` is `None` for an order that does not exist yet.
///
/// | from | accept | reject | activate | fill, part | fill, rest | cancel | expire | replace | kill |
/// |---|---|---|---|---|---|---|---|---|---|
/// | (none) | pending, submitted | rejected | | | | | | | |
/// | pending | | rejected | submitted | | | cancelled | expired | pending | |
/// | submitted | | | | partial | filled | cancelled | expired | submitted, filled | cancelled |
/// | partial | | | | partial | filled | cancelled | expired | partial, filled | cancelled |
/// | filled, cancelled, rejected, expired | | | | | | | | | |
///
/// # Errors
/// [`InvalidTransition`] for every empty cell.
pub fn transition(from: Option<OrderStatus>, step: Step) -> Result<OrderStatus, InvalidTransition> {
    use OrderStatus::{Cancelled, Expired, Filled, Partial, Pending, Rejected, Submitted};
    match (from, step) {
        (None, Step::Accept { working: true }) | (Some(Pending), Step::Activate) => Ok(Submitted),
        (None, Step::Accept { working: false }) => Ok(Pending),
        (None | Some(Pending), Step::Reject) => Ok(Rejected),
        (Some(Submitted | Partial), Step::FillPart) => Ok(Partial),
        (Some(Submitted | Partial), Step::FillRest | Step::Replace { complete: true }) => Ok(Filled),
        (Some(Pending | Submitted | Partial), Step::Cancel) => Ok(Cancelled),
        (Some(Submitted | Partial), Step::Kill) => Ok(Cancelled),
        (Some(Pending | Submitted | Partial), Step::Expire) => Ok(Expired),
        (Some(open @ (Pending | Submitted | Partial)), Step::Replace { complete: false }) => Ok(open),
        _ => Err(InvalidTransition { from, step }),
    }
}
