//! What a transaction loads of an account, and what it decides from.

use super::ledger::{Amount, Transfer, TransferCode, cash};
use super::{Cents, LedgerAccount, Order, Position};
use serde::Serialize;

/// The cash of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Cash {
    /// What may be spent: the buying power. Open sells do not add to it until they execute.
    pub available: Cents,
    /// What is held for open buys.
    pub held: Cents,
}

impl Cash {
    /// Pays cash in.
    ///
    /// `None` when the account cannot hold so much.
    pub fn deposit(self, amount: Amount) -> Option<(Self, Transfer)> {
        let paid = Cents::from_cents(amount.units()).ok()?;
        let transfer = cash(
            TransferCode::Deposit,
            LedgerAccount::Funding,
            LedgerAccount::CashAvailable,
            paid,
        )?;
        Some((
            Self {
                available: self.available.checked_add(paid)?,
                ..self
            },
            transfer,
        ))
    }

    /// Pays cash out of what is available; what is held stays held.
    ///
    /// `None` when less is available.
    pub fn withdraw(self, amount: Amount) -> Option<(Self, Transfer)> {
        let paid = Cents::from_cents(amount.units()).ok()?;
        let available = self
            .available
            .checked_sub(paid)
            .filter(|left| !left.is_negative())?;
        let transfer = cash(
            TransferCode::Withdrawal,
            LedgerAccount::CashAvailable,
            LedgerAccount::Funding,
            paid,
        )?;
        Some((Self { available, ..self }, transfer))
    }
}

/// The rows that one command touches, as the transaction has locked and loaded them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AccountState {
    /// The cash of the account.
    pub cash: Cash,
    /// The account's position in the instrument of the order; [`Position::flat`] when there is no row.
    pub position: Position,
    /// The order that is touched; `None` before it is placed.
    pub order: Option<Order>,
}

impl AccountState {
    /// The state before an order is placed.
    pub const fn before_order(cash: Cash, position: Position) -> Self {
        Self {
            cash,
            position,
            order: None,
        }
    }

    /// The state with an order that was placed earlier.
    pub const fn with_order(cash: Cash, position: Position, order: Order) -> Self {
        Self {
            cash,
            position,
            order: Some(order),
        }
    }

    /// Whether the order can still be filled.
    pub(crate) fn has_open_order(&self) -> bool {
        self.order.is_some_and(|order| !order.status.is_terminal())
    }
}
