//! What an account has earned: since it was opened, and since the last session closed.

use super::{Cash, Cents, DecimalError, Notional, Position, Price};

/// What a position is worth at a price, exactly; where there is none, what it has cost.
///
/// # Errors
/// [`DecimalError::OutOfRange`] for a position that no event produces.
pub fn worth(position: &Position, price: Option<Price>) -> Result<Notional, DecimalError> {
    match price {
        Some(price) => position.market_value(price),
        None => Ok(Notional::from(position.cost)),
    }
}

/// Cash and shares together, exactly.
///
/// # Errors
/// As [`worth`].
pub fn equity(
    cash: Cash,
    positions: impl IntoIterator<Item = (Position, Option<Price>)>,
) -> Result<Notional, DecimalError> {
    let mut sum = Notional::from(cash.available).e10() + Notional::from(cash.held).e10();
    for (position, price) in positions {
        sum += worth(&position, price)?.e10();
    }
    Ok(Notional::from_e10(sum))
}

/// The parts of what an account has earned since it was opened.
///
/// Equity less what was paid in is their [`total`](Self::total), exactly and whatever happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earned {
    /// What sales have brought in above the cost of what was sold.
    pub realized: Cents,
    /// What the shares are worth above their cost.
    pub unrealized: Notional,
    /// What was paid for trading.
    pub fees: Cents,
}

impl Earned {
    /// Realised and unrealised together, less fees.
    pub fn total(&self) -> Notional {
        let realized = Notional::from(self.realized).e10();
        Notional::from_e10(realized + self.unrealized.e10() - Notional::from(self.fees).e10())
    }
}

/// An instrument in one account since the last session closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolDay {
    /// What the shares were worth then.
    pub then: Notional,
    /// What they are worth now.
    pub now: Notional,
    /// What was paid for shares since.
    pub bought: Cents,
    /// What shares have brought in since, before fees.
    pub sold: Cents,
}

impl SymbolDay {
    /// Never owned and not traded.
    pub const NOTHING: Self = Self {
        then: Notional::ZERO,
        now: Notional::ZERO,
        bought: Cents::ZERO,
        sold: Cents::ZERO,
    };

    /// What it has earned, before fees. Over the instruments of an account the sum is the account's own result before fees.
    pub fn pnl(&self) -> Notional {
        let traded = Notional::from(self.sold).e10() - Notional::from(self.bought).e10();
        Notional::from_e10(self.now.e10() - self.then.e10() + traded)
    }
}

/// An account since the last session closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountDay {
    /// Its equity then.
    pub then: Notional,
    /// Its equity now.
    pub now: Notional,
    /// What was paid in since, less what was paid out.
    pub net_deposits: Cents,
}

impl AccountDay {
    /// What it has earned, after fees.
    pub fn pnl(&self) -> Notional {
        Notional::from_e10(self.now.e10() - self.then.e10() - Notional::from(self.net_deposits).e10())
    }
}
