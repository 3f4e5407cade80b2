//! Where a log begins that is younger than its account.

use platform_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AccountBooks, BookedOrder, OrderRecord};
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
pub(super) struct OpeningOrder {
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
    // Nothing of this was known when logs began: no stop had been elected then, and nobody had written records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    elected_quote_seq: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record: Option<OrderRecord>,
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    accepted_at: Option<Timestamp>,
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    updated_at: Option<Timestamp>,
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
    /// The books as they are, without their final orders.
    pub(super) fn of(books: &AccountBooks) -> Self {
        let open = books
            .orders()
            .values()
            .filter(|one| !one.order.status.is_terminal());
        Self {
            available_cents: books.cash().available.cents(),
            held_cents: books.cash().held.cents(),
            positions: books.positions().values().map(OpeningPosition::of).collect(),
            orders: open.map(OpeningOrder::of).collect(),
        }
    }

    pub(super) fn cash(&self) -> Result<Cash, Malformed> {
        Ok(Cash {
            available: Cents::from_cents(self.available_cents)?,
            held: Cents::from_cents(self.held_cents)?,
        })
    }

    pub(super) fn positions(&self) -> impl Iterator<Item = Result<Position, Malformed>> {
        self.positions.iter().map(OpeningPosition::read)
    }

    pub(super) fn orders(&self) -> impl Iterator<Item = Result<BookedOrder, Malformed>> {
        self.orders.iter().map(OpeningOrder::read)
    }
}

impl OpeningPosition {
    fn of(position: &Position) -> Self {
        Self {
            symbol: position.symbol,
            available_e6: position.available.e6(),
            held_e6: position.held.e6(),
            cost_cents: position.cost.cents(),
            realized_cents: position.realized.cents(),
        }
    }

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
    pub(super) fn of(booked: &BookedOrder) -> Self {
        let order = &booked.order;
        let terms = order.terms();
        Self {
            id: order.intake.order_id,
            symbol: terms.symbol(),
            side: terms.side(),
            order_type: terms.pricing().order_type(),
            time_in_force: terms.time_in_force(),
            quantity_e6: terms.quantity().e6(),
            limit_price_e4: terms.pricing().limit_price().map(Price::e4),
            stop_price_e4: terms.pricing().stop_price().map(Price::e4),
            worst_price_e4: order.intake.worst_price.map(Price::e4),
            status: order.status,
            reason: order.reason,
            filled_e6: order.filled.e6(),
            filled_notional_e10: order.notional.e10().to_string(),
            hold_cents: order.hold.cents(),
            fees_cents: order.fees.cents(),
            accepted_quote_seq: order.intake.quote_seq,
            last_quote_seq: order.last_quote_seq,
            elected_quote_seq: order.elected_quote_seq,
            record: booked.record.clone(),
            accepted_at: booked.accepted_at,
            updated_at: booked.updated_at,
        }
    }

    fn read(&self) -> Result<BookedOrder, Malformed> {
        let price = |e4: Option<i64>| e4.map(Price::from_e4).transpose();
        let pricing = Pricing::from_parts(
            self.order_type,
            price(self.limit_price_e4)?,
            price(self.stop_price_e4)?,
        )?;
        let terms = OrderTerms::market(self.symbol, self.side, Quantity::from_e6(self.quantity_e6)?)?
            .with(pricing, self.time_in_force)?;
        let order = Order {
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
            elected_quote_seq: self.elected_quote_seq,
        };
        Ok(BookedOrder {
            order,
            record: self.record.clone(),
            accepted_at: self.accepted_at,
            updated_at: self.updated_at,
        })
    }
}
