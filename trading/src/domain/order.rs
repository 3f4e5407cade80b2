//! Orders and their executions.

use super::status::{InvalidTransition, Step, transition};
use super::words::word_enum;
use super::{Cents, Notional, OrderStatus, OrderTerms, Price, Quantity, Side, Symbol};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

platform_core::id_type! {
    /// Names an order.
    pub struct OrderId;
}

word_enum! {
    /// Why an order was rejected or cancelled.
    Reason ("reason") {
        /// The customer asked for it.
        Requested = "requested",
        /// What an immediate-or-cancel order could not fill at once.
        IocRemainder = "ioc_remainder",
        /// A fill-or-kill order that could not be filled completely.
        FokUnfilled = "fok_unfilled",
        /// The buying power does not cover the hold.
        InsufficientFunds = "insufficient_funds",
        /// The account does not own as many shares that it may sell. There are no short sales.
        InsufficientShares = "insufficient_shares",
        /// The position would be larger than a quantity can be.
        PositionLimit = "position_limit",
        /// The instrument was no longer traded when the market opened.
        SymbolNotTraded = "symbol_not_traded",
    }
}

/// An order as it was taken in: its terms and what was decided from the quote it met. A replacement changes the terms and the worst
/// price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intake {
    /// The id of the order.
    pub order_id: OrderId,
    /// What it asks for.
    #[serde(flatten)]
    pub terms: OrderTerms,
    /// The worst price it may execute at: the most a buy may pay, the least a sell may bring. `None` for a market sell.
    pub worst_price: Option<Price>,
    /// The number of the quote it met.
    #[serde(deserialize_with = "super::money::exact_integer")]
    pub quote_seq: u64,
}

/// An order and how far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Order {
    /// What was taken in.
    #[serde(flatten)]
    pub intake: Intake,
    /// Where it stands.
    pub status: OrderStatus,
    /// Why it was rejected or cancelled.
    pub reason: Option<Reason>,
    /// The sum of the quantities of its executions.
    pub filled: Quantity,
    /// The exact sum of quantity times price of its executions.
    pub notional: Notional,
    /// The fees of its executions.
    pub fees: Cents,
    /// The cash held for it; zero for sells, which hold shares, and for final orders.
    pub hold: Cents,
    /// The newest quote that cannot fill it any more: it met it, executed on it, or it is from before the order was what it is now.
    /// It only executes on a later one, so the same quote cannot fill it twice.
    pub last_quote_seq: u64,
    /// The quote that elected its stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elected_quote_seq: Option<u64>,
}

impl Order {
    pub(super) const fn taken_in(intake: Intake, status: OrderStatus) -> Self {
        Self {
            intake,
            status,
            reason: None,
            filled: Quantity::ZERO,
            notional: Notional::ZERO,
            fees: Cents::ZERO,
            hold: Cents::ZERO,
            last_quote_seq: intake.quote_seq,
            elected_quote_seq: None,
        }
    }

    /// What it asks for.
    pub const fn terms(&self) -> &OrderTerms {
        &self.intake.terms
    }

    /// How much is still to be filled.
    pub fn leaves(&self) -> Quantity {
        self.terms()
            .quantity()
            .checked_sub(self.filled)
            .unwrap_or(Quantity::ZERO)
    }

    /// The stop that it still waits for. A stop that was elected stays elected.
    pub const fn awaited_stop(&self) -> Option<Price> {
        match self.elected_quote_seq {
            None => self.intake.terms.pricing().stop_price(),
            Some(_) => None,
        }
    }

    /// Whether it has executed on this quote.
    ///
    /// The newest quote is one it executed on unless nothing was filled: placing moves it to a quote that is met, and an election
    /// or a replacement to the one before.
    pub(super) fn executed_on(&self, quote_seq: u64) -> bool {
        self.last_quote_seq == quote_seq && !self.filled.is_zero()
    }

    /// The shares held for it: what an open sell has not filled yet.
    pub fn held_shares(&self) -> Quantity {
        match self.terms().side() {
            Side::Sell if !self.status.is_terminal() => self.leaves(),
            Side::Buy | Side::Sell => Quantity::ZERO,
        }
    }

    /// The mean price of its executions, rounded half-even to four decimals, for display.
    pub fn average_price(&self) -> Option<Price> {
        self.notional.average_over(self.filled)
    }

    pub(super) fn step(self, step: Step) -> Result<Self, InvalidTransition> {
        Ok(Self {
            status: transition(Some(self.status), step)?,
            ..self
        })
    }
}

/// Names an execution: an order executes on a quote at most once, so the two name it, and a repeated fill is the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecutionId {
    /// The order.
    pub order_id: OrderId,
    /// The quote.
    pub quote_seq: u64,
}

impl std::fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.order_id, self.quote_seq)
    }
}

impl Serialize for ExecutionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text does not name an execution.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an execution is named by its order and the number of a quote")]
pub struct ParseExecutionIdError;

impl std::str::FromStr for ExecutionId {
    type Err = ParseExecutionIdError;

    fn from_str(text: &str) -> Result<Self, ParseExecutionIdError> {
        let (order_id, quote_seq) = text.rsplit_once('-').ok_or(ParseExecutionIdError)?;
        Ok(Self {
            order_id: order_id.parse().map_err(|_| ParseExecutionIdError)?,
            quote_seq: quote_seq.parse().map_err(|_| ParseExecutionIdError)?,
        })
    }
}

impl<'de> Deserialize<'de> for ExecutionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A trade of an order on a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// Its name.
    pub id: ExecutionId,
    /// The instrument.
    pub symbol: Symbol,
    /// Bought or sold.
    pub side: Side,
    /// How many shares.
    pub quantity: Quantity,
    /// At what price.
    pub price: Price,
    /// The cash paid or received, before the fee: what the order's executions so far are worth in cents, less what they were
    /// worth before this one. So the cash of an order does not depend on how it was cut into executions.
    pub cash: Cents,
    /// The fee.
    pub fee: Cents,
}
