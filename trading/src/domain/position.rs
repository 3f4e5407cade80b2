//! What an account owns of one instrument, and what it has earned with it.

use super::rules::cost_removed;
use super::{Cents, DecimalError, Notional, Price, Quantity, Symbol};
use serde::Serialize;

/// Shares of one instrument with their total cost.
///
/// The cost is kept in total, not per share, so that nothing is lost in averages. A flat position stays: it has no cost any
/// more, but it has earned something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Position {
    /// The instrument.
    pub symbol: Symbol,
    /// Shares that can be sold.
    pub available: Quantity,
    /// Shares held for open sell orders.
    pub held: Quantity,
    /// What the shares have cost; zero when there are none.
    pub cost: Cents,
    /// What sales have brought in above the cost of what was sold, before fees.
    pub realized: Cents,
}

impl Position {
    /// No shares of an instrument.
    pub const fn flat(symbol: Symbol) -> Self {
        Self {
            symbol,
            available: Quantity::ZERO,
            held: Quantity::ZERO,
            cost: Cents::ZERO,
            realized: Cents::ZERO,
        }
    }

    /// All shares, available and held.
    ///
    /// # Errors
    /// [`DecimalError::OutOfRange`] when the two together are no quantity, which no event produces.
    pub fn quantity(&self) -> Result<Quantity, DecimalError> {
        Quantity::from_units(i128::from(self.available.e6()) + i128::from(self.held.e6()))
    }

    /// The mean cost of a share, rounded half-even to four decimals, for display. `None` for a flat position, and where the
    /// mean is too small to be a price.
    pub fn average_cost(&self) -> Option<Price> {
        Notional::from(self.cost).average_over(self.quantity().ok()?)
    }

    /// What the shares are worth at this price, exactly.
    ///
    /// # Errors
    /// As [`Position::quantity`].
    pub fn market_value(&self, last: Price) -> Result<Notional, DecimalError> {
        Ok(last * self.quantity()?)
    }

    /// What a sale of everything at this price would earn, exactly and before fees: value less cost.
    ///
    /// # Errors
    /// As [`Position::quantity`].
    pub fn unrealized(&self, last: Price) -> Result<Notional, DecimalError> {
        let value = self.market_value(last)?;
        Ok(Notional::from_e10(value.e10() - Notional::from(self.cost).e10()))
    }

    /// The cost and the realised result after a purchase for so much cash. The shares arrive by a transfer.
    pub(super) fn paid(self, cash: Cents) -> Option<Self> {
        Some(Self {
            cost: self.cost.checked_add(cash)?,
            ..self
        })
    }

    /// The cost and the realised result after a sale of so many shares. The shares leave by a transfer.
    pub(super) fn sold(self, quantity: Quantity, proceeds: Cents) -> Option<Self> {
        let owned = self.quantity().ok()?;
        owned.checked_sub(quantity)?;
        let removed = cost_removed(self.cost, quantity, owned).ok()?;
        let earned = proceeds.checked_sub(removed)?;
        Some(Self {
            cost: self.cost.checked_sub(removed)?,
            realized: self.realized.checked_add(earned)?,
            ..self
        })
    }
}
