//! What an order holds of its account, and how that changes.

use super::ledger::{Transfer, TransferCode, cash, shares};
use super::{
    AccountState, Cents, DecimalError, Intake, Invalid, LedgerAccount, Notional, Order, Quantity, Reject,
    Side, Symbol, buy_hold,
};

/// Cash and shares that are set aside for an order; a buy holds the one, a sell the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    cash: Cents,
    shares: Quantity,
}

impl Held {
    pub(super) const NOTHING: Self = Self {
        cash: Cents::ZERO,
        shares: Quantity::ZERO,
    };

    /// What an order holds now.
    pub(super) fn by(order: &Order) -> Self {
        Self {
            cash: order.hold,
            shares: order.held_shares(),
        }
    }

    /// What an order with these terms has to hold for what is left of it: a buy its worst case, a sell its shares.
    pub(super) fn wanted(intake: &Intake, filled: Notional, leaves: Quantity) -> Result<Self, Invalid> {
        match (intake.terms.side(), intake.worst_price) {
            (Side::Buy, Some(worst)) => Ok(Self {
                cash: buy_hold(filled, leaves, worst)?,
                ..Self::NOTHING
            }),
            (Side::Buy, None) => Err(Invalid::NoUsableQuote),
            (Side::Sell, _) => Ok(Self {
                shares: leaves,
                ..Self::NOTHING
            }),
        }
    }
}

/// The transfers that take an order from one hold to another, or why the account does not have enough.
pub(super) fn adjust(
    state: &AccountState,
    from: Held,
    to: Held,
) -> Result<Result<Vec<Transfer>, Reject>, DecimalError> {
    use LedgerAccount::{CashAvailable, CashHeld, SharesAvailable, SharesHeld};
    let symbol: Symbol = state.position.symbol;
    let mut transfers = Vec::new();
    if to.cash > from.cash {
        let (needed, available) = (less(to.cash, from.cash)?, state.cash.available);
        if needed > available {
            return Ok(Err(Reject::InsufficientFunds { needed, available }));
        }
        transfers.extend(cash(TransferCode::Hold, CashAvailable, CashHeld, needed));
    } else {
        let freed = less(from.cash, to.cash)?;
        transfers.extend(cash(TransferCode::Release, CashHeld, CashAvailable, freed));
    }
    if let Some(needed) = to.shares.checked_sub(from.shares) {
        let available = state.position.available;
        if needed > available {
            return Ok(Err(Reject::InsufficientShares { needed, available }));
        }
        let moved = (symbol, needed);
        transfers.extend(shares(TransferCode::Hold, SharesAvailable, SharesHeld, moved));
    } else if let Some(freed) = from.shares.checked_sub(to.shares) {
        let moved = (symbol, freed);
        transfers.extend(shares(TransferCode::Release, SharesHeld, SharesAvailable, moved));
    }
    Ok(Ok(transfers))
}

/// Gives back exactly what is held for an order; no price is looked up.
pub(super) fn release(order: &Order) -> Vec<Transfer> {
    use LedgerAccount::{CashAvailable, CashHeld, SharesAvailable, SharesHeld};
    let held_shares = (order.terms().symbol(), order.held_shares());
    cash(TransferCode::Release, CashHeld, CashAvailable, order.hold)
        .into_iter()
        .chain(shares(
            TransferCode::Release,
            SharesHeld,
            SharesAvailable,
            held_shares,
        ))
        .collect()
}

/// Refuses a buy that could make the position larger than a quantity can be.
pub(super) fn room(
    state: &AccountState,
    side: Side,
    leaves: Quantity,
) -> Result<Result<(), Reject>, DecimalError> {
    let fits = side == Side::Sell || state.position.quantity()?.checked_add(leaves).is_some();
    Ok(if fits {
        Ok(())
    } else {
        Err(Reject::PositionLimit { limit: Quantity::MAX })
    })
}

fn less(minuend: Cents, subtrahend: Cents) -> Result<Cents, DecimalError> {
    Cents::from_units(i128::from(minuend.cents()) - i128::from(subtrahend.cents()))
}
