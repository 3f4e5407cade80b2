//! The terms of an open order that may change.

use super::terms::{OrderTerms, Pricing, TimeInForce};
use super::ticket::{FieldError, FieldProblem};
use super::{Price, Quantity};

/// What shall be different about an open order; `None` leaves a term as it is. Side, symbol and type never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Replacement {
    /// How many shares in all, those that are filled included.
    pub quantity: Option<Quantity>,
    /// The limit, of an order that has one.
    pub limit_price: Option<Price>,
    /// The stop, of an order that still waits for it.
    pub stop_price: Option<Price>,
    /// `day` or `gtc`.
    pub time_in_force: Option<TimeInForce>,
}

impl Replacement {
    /// The terms after the change.
    ///
    /// # Errors
    /// [`FieldError`] for a quantity of zero, a price that the type of order does not have, and a time in force that would not let
    /// the order rest.
    pub fn of(&self, terms: &OrderTerms) -> Result<OrderTerms, FieldError> {
        let time_in_force = self.time_in_force.unwrap_or(terms.time_in_force());
        if time_in_force.is_immediate() {
            return Err(FieldError {
                field: "time_in_force",
                problem: FieldProblem::TimeInForceFixed { time_in_force },
            });
        }
        let quantity = self.quantity.unwrap_or(terms.quantity());
        OrderTerms::market(terms.symbol(), terms.side(), quantity)?
            .with(self.pricing(terms.pricing())?, time_in_force)
    }

    fn pricing(&self, pricing: Pricing) -> Result<Pricing, FieldError> {
        let order_type = pricing.order_type();
        let limit_price = self.limit_price.or(pricing.limit_price());
        let stop_price = self.stop_price.or(pricing.stop_price());
        Pricing::from_parts(order_type, limit_price, stop_price)
    }
}
