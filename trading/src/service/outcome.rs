//! What the brokerage answers.

use platform_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::store::OrderRow;
use crate::{
    Cents, Event, Execution, OrderId, OrderStatus, OrderType, Price, Quantity, Reason, Side, Symbol,
    TimeInForce,
};

/// An order as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct OrderView {
    /// Its id.
    pub id: OrderId,
    /// The client's name for it.
    pub client_order_id: Option<String>,
    /// What is traded.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// Market, limit, stop or stop-limit.
    pub order_type: OrderType,
    /// How long it works.
    pub time_in_force: TimeInForce,
    /// How many shares it asks for.
    pub quantity: Quantity,
    /// The limit, for the types that have one.
    pub limit_price: Option<Price>,
    /// The stop, for the types that have one.
    pub stop_price: Option<Price>,
    /// Where it stands.
    pub status: OrderStatus,
    /// Why it was rejected or cancelled.
    pub reason: Option<Reason>,
    /// How many shares have been traded.
    pub filled_quantity: Quantity,
    /// The mean price of its fills, rounded to four decimals for display.
    pub average_price: Option<Price>,
    /// Cash that is held for it.
    pub hold: Cents,
    /// Fees of its fills.
    pub fees: Cents,
    /// When it was placed.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub accepted_at: Timestamp,
    /// When it ends by itself.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "http", schema(value_type = Option<String>, format = DateTime))]
    pub expires_at: Option<Timestamp>,
    /// When it last changed.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub updated_at: Timestamp,
    /// Grows with every change.
    pub version: i32,
}

impl From<&OrderRow> for OrderView {
    fn from(row: &OrderRow) -> Self {
        let order = &row.order;
        let terms = order.terms();
        Self {
            id: order.intake.order_id,
            client_order_id: row.client_order_id.clone(),
            symbol: terms.symbol(),
            side: terms.side(),
            order_type: terms.pricing().order_type(),
            time_in_force: terms.time_in_force(),
            quantity: terms.quantity(),
            limit_price: terms.pricing().limit_price(),
            stop_price: terms.pricing().stop_price(),
            status: order.status,
            reason: order.reason,
            filled_quantity: order.filled,
            average_price: order.average_price(),
            hold: order.hold,
            fees: order.fees,
            accepted_at: row.accepted_at,
            expires_at: row.expires_at,
            updated_at: row.updated_at,
            version: row.version,
        }
    }
}

/// A fill as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct ExecutionView {
    /// Its name: the order's id and the quote's number.
    pub id: String,
    /// The order.
    pub order_id: OrderId,
    /// What was traded.
    pub symbol: Symbol,
    /// Bought or sold.
    pub side: Side,
    /// How many shares.
    pub quantity: Quantity,
    /// At what price.
    pub price: Price,
    /// The cash paid or received, before the fee. Rounded over the whole order, so that the sum is right whatever the slices.
    pub cash: Cents,
    /// The fee.
    pub fee: Cents,
    /// The number of the quote it traded on.
    pub quote_seq: u64,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub executed_at: Timestamp,
}

impl ExecutionView {
    pub(crate) fn new(execution: &Execution, executed_at: Timestamp) -> Self {
        Self {
            id: execution.id.to_string(),
            order_id: execution.id.order_id,
            symbol: execution.symbol,
            side: execution.side,
            quantity: execution.quantity,
            price: execution.price,
            cash: execution.cash,
            fee: execution.fee,
            quote_seq: execution.id.quote_seq,
            executed_at,
        }
    }

    pub(crate) fn all(events: &[Event], at: Timestamp) -> Vec<Self> {
        events
            .iter()
            .filter_map(Event::execution)
            .map(|execution| Self::new(execution, at))
            .collect()
    }
}

/// Something that happened to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct OrderEventView {
    /// Its number among the events of the account.
    pub seq: i64,
    /// `accepted`, `rejected`, `filled`, `cancelled`, `expired` and the like.
    pub kind: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// Everything it says: the order as it was taken in, the execution, the reason, and what moved in the ledger.
    #[cfg_attr(feature = "http", schema(value_type = Object))]
    pub payload: serde_json::Value,
}

/// What placing an order came to. The same value is answered again to the same idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct PlaceOutcome {
    /// The order, also a rejected one.
    pub order: OrderView,
    /// Its fills so far.
    pub executions: Vec<ExecutionView>,
    /// What the account may spend now.
    pub buying_power: Cents,
    /// Why the order was rejected, in words. The code is the order's `reason`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "http", schema(ignore))]
    pub rejection: Option<String>,
}

/// An answer to a placement, and whether it is a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// The order was taken in, or rejected for a reason of business, just now.
    New(PlaceOutcome),
    /// The idempotency key had been answered before; here is that answer.
    Replayed(PlaceOutcome),
    /// The idempotency key had been answered before with an order that existed then; here is that answer.
    ReplayedExisting(PlaceOutcome),
    /// The client had placed the same order under the same `client_order_id`; here is how it stands now.
    Existing(PlaceOutcome),
}

impl Placed {
    /// The answer.
    pub fn outcome(&self) -> &PlaceOutcome {
        match self {
            Self::New(outcome)
            | Self::Replayed(outcome)
            | Self::ReplayedExisting(outcome)
            | Self::Existing(outcome) => outcome,
        }
    }
}
