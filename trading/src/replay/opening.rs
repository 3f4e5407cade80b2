//! Where a log begins that is younger than its account.

use serde::{Deserialize, Serialize};

use crate::{
    Cash, Cents, DecimalError, FieldError, Intake, Notional, Order, OrderId, OrderStatus, OrderTerms,
    OrderType, Position, Price, Pricing, Quantity, Reason, Side, Symbol, TimeInForce,
};

/// An account as it was when its log began: cash, every position, every open order, in the units of the columns.
///
/// Written by the migration that made the log, once for each account that there was. Orders that were final then are not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    available_cents: i64,
    held_cents: i64,
    positions: Vec<OpeningPosition>,
    orders: Vec<OpeningOrder>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct OpeningPosition {
    symbol: Symbol,
    available_e6: i64,
    held_e6: i64,
    cost_cents: i64,
    realized_cents: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct OpeningOrder {
    id: OrderId,
    symbol: Symbol,
    side: Side,
    order_type: OrderType,
    time_in_force: TimeInForce,
    quantity_e6: i64,
    limit_price_e4: Option<i64>,
    stop_price_e4: Option<i64>,
    worst_price_e4: Option<i64>,
    status: OrderStatus,
    reason: Option<Reason>,
    filled_e6: i64,
    filled_notional_e10: String,
    hold_cents: i64,
    fees_cents: i64,
    accepted_quote_seq: u64,
    last_quote_seq: u64,
}

/// An opening holds what no account can be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error(transparent)]
    Amount(#[from] DecimalError),
    #[error(transparent)]
    Terms(#[from] FieldError),
    #[error("the notional is no integer")]
    Notional(#[from] std::num::ParseIntError),
}

impl Opening {
    pub(super) fn cash(&self) -> Result<Cash, Malformed> {
        Ok(Cash {
            available: Cents::from_cents(self.available_cents)?,
            held: Cents::from_cents(self.held_cents)?,
        })
    }

    pub(super) fn positions(&self) -> impl Iterator<Item = Result<Position, Malformed>> {
        self.positions.iter().map(OpeningPosition::read)
    }

    pub(super) fn orders(&self) -> impl Iterator<Item = Result<Order, Malformed>> {
        self.orders.iter().map(OpeningOrder::read)
    }
}

impl OpeningPosition {
    fn read(&self) -> Result<Position, Malformed> {
        Ok(Position {
            symbol: self.symbol,
            available: Quantity::from_e6(self.available_e6)?,
            held: Quantity::from_e6(self.held_e6)?,
            cost: Cents::from_cents(self.cost_cents)?,
            realized: Cents::from_cents(self.realized_cents)?,
        })
    }
}

impl OpeningOrder {
    fn read(&self) -> Result<Order, Malformed> {
        let price = |e4: Option<i64>| e4.map(Price::from_e4).transpose();
        let pricing = Pricing::from_parts(
            self.order_type,
            price(self.limit_price_e4)?,
            price(self.stop_price_e4)?,
        )?;
        let terms = OrderTerms::market(self.symbol, self.side, Quantity::from_e6(self.quantity_e6)?)?
            .with(pricing, self.time_in_force)?;
        Ok(Order {
            intake: Intake {
                order_id: self.id,
                terms,
                worst_price: price(self.worst_price_e4)?,
                quote_seq: self.accepted_quote_seq,
            },
            status: self.status,
            reason: self.reason,
            filled: Quantity::from_e6(self.filled_e6)?,
            notional: Notional::from_e10(self.filled_notional_e10.parse()?),
            fees: Cents::from_cents(self.fees_cents)?,
            hold: Cents::from_cents(self.hold_cents)?,
            last_quote_seq: self.last_quote_seq,
            // Nothing had elected a stop when logs began.
            elected_quote_seq: None,
        })
    }
}
