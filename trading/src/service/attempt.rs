//! What the matcher tries with an order.

use std::sync::Arc;

use platform_audit::Event as AuditEvent;
use platform_core::Timestamp;

use super::draft::view;
use super::trail::{self, Done};
use crate::matching::OpenOrder;
use crate::store::OrderRow;
use crate::{Command, PublishedQuote, Reservation, Symbol};

/// What is to happen to an order, with the shares of the quote that are set aside for it.
pub(crate) struct Attempt {
    pub(crate) open: OpenOrder,
    pub(super) command: Command,
    /// As of when it happens: its session must have opened by then and, unless this is its end, not be over.
    pub(super) at: Timestamp,
    /// The quote it happens on.
    pub(super) quote: Option<Arc<PublishedQuote>>,
    pub(super) reservation: Option<Reservation>,
}

impl Attempt {
    /// The end of an order whose time is over at `at`.
    pub(crate) const fn to_end(open: &OpenOrder, at: Timestamp) -> Self {
        Self::of(open, Command::Expire, at)
    }

    /// The election of a stop by a quote, which the order then meets in its turn among those that work.
    pub(crate) fn to_elect(open: &OpenOrder, quote: &Arc<PublishedQuote>) -> Self {
        Self {
            quote: Some(Arc::clone(quote)),
            ..Self::of(open, Command::Elect { quote: view(quote) }, quote.at)
        }
    }

    pub(super) const fn of(open: &OpenOrder, command: Command, at: Timestamp) -> Self {
        Self {
            open: *open,
            command,
            at,
            quote: None,
            reservation: None,
        }
    }

    /// Whether the row says so too: the matcher may remember another end, as of before a replacement.
    pub(super) fn is_due(&self, row: &OrderRow) -> bool {
        let is_over = row.expires_at.is_some_and(|end| end <= self.at);
        match self.command {
            Command::Expire => is_over,
            _ => !is_over && row.opens_at.is_none_or(|opens| opens <= self.at),
        }
    }

    /// Whether shares are still set aside for it: it did not trade.
    pub(crate) fn left_something(&self) -> bool {
        self.reservation
            .as_ref()
            .is_some_and(|left| !left.granted().is_zero())
    }

    /// What is to happen, with no more shares than are still set aside.
    pub(super) fn command(&self) -> Command {
        match (&self.command, &self.reservation) {
            (Command::Fill { quote, .. }, Some(reservation)) => Command::Fill {
                quote: *quote,
                offered: reservation.granted(),
            },
            (command, _) => *command,
        }
    }

    /// The symbol whose displayed sizes it takes of.
    pub(super) fn takes(&self) -> Option<Symbol> {
        self.reservation.as_ref().map(|_| self.open.symbol)
    }

    pub(super) fn audited(&self) -> fn(&Done<'_>) -> AuditEvent {
        match self.command {
            Command::Expire => trail::expired,
            Command::Elect { .. } => trail::triggered,
            Command::Activate | Command::Reject { .. } => trail::activated,
            _ => trail::filled,
        }
    }
}
