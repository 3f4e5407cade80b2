//! What the events of an account rebuild.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::opening::Malformed;
use super::{AccountEvent, Opening};
use crate::{
    AccountState, Amount, ApplyError, Asset, Cash, Event, LedgerAccount, Order, OrderId, Position, Symbol,
    Transfer, apply,
};

/// Cash, positions and orders of an account after some of its events, and the number of the last of them.
///
/// ```
/// use trading::{AccountBooks, AccountEvent, Amount, Cash};
///
/// let (_, transfer) = Amount::new(1_000_000).and_then(|cents| Cash::default().deposit(cents)).ok_or("an amount")?;
/// let mut books = AccountBooks::default();
/// books.carry_out(1, &AccountEvent::Opened { transfer })?;
/// assert_eq!(books.cash().available.to_string(), "10000.00");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountBooks {
    seq: i64,
    cash: Cash,
    positions: BTreeMap<Symbol, Position>,
    orders: BTreeMap<OrderId, Order>,
}

/// An event cannot have happened to the account as the events before it left it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BooksError {
    /// An event is missing or there twice.
    #[error("event {found} stands where event {expected} has to be")]
    Gap {
        /// The number that follows the last.
        expected: i64,
        /// The number of the event.
        found: i64,
    },
    /// The event opens an account that is open already.
    #[error("the account is opened a second time")]
    OpenedTwice,
    /// The event does not belong to what came before.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The account cannot have been so when its log began.
    #[error("the opening is malformed: {0}")]
    Opening(String),
}

impl From<Malformed> for BooksError {
    fn from(malformed: Malformed) -> Self {
        Self::Opening(malformed.to_string())
    }
}

impl AccountBooks {
    /// The number of the last event.
    pub const fn seq(&self) -> i64 {
        self.seq
    }

    /// The cash.
    pub const fn cash(&self) -> Cash {
        self.cash
    }

    /// The positions, flat ones too.
    pub const fn positions(&self) -> &BTreeMap<Symbol, Position> {
        &self.positions
    }

    /// The orders, final ones too.
    pub const fn orders(&self) -> &BTreeMap<OrderId, Order> {
        &self.orders
    }

    /// Does what the next event says.
    ///
    /// # Errors
    /// [`BooksError`]; the books are as they were.
    pub fn carry_out(&mut self, seq: i64, event: &AccountEvent) -> Result<(), BooksError> {
        let expected = self.seq + 1;
        if seq != expected {
            return Err(BooksError::Gap { expected, found: seq });
        }
        match event {
            AccountEvent::Opened { .. } | AccountEvent::Opening(_) if self.seq > 0 => {
                return Err(BooksError::OpenedTwice);
            }
            AccountEvent::Opened { transfer }
            | AccountEvent::Deposit { transfer }
            | AccountEvent::Withdrawal { transfer } => self.pay(transfer)?,
            AccountEvent::Opening(opening) => self.begin_with(opening)?,
            AccountEvent::Order(event) => self.change_order(event)?,
        }
        self.seq = seq;
        Ok(())
    }

    /// SHA-256 over everything in the books, in one canonical form: equal books have equal hashes.
    pub fn hash(&self) -> [u8; 32] {
        let positions: Vec<_> = self.positions.values().collect();
        let orders: Vec<_> = self.orders.values().collect();
        let books = serde_json::json!([self.seq, self.cash, positions, orders]);
        Sha256::digest(books.to_string().as_bytes()).into()
    }

    fn begin_with(&mut self, opening: &Opening) -> Result<(), BooksError> {
        let cash = opening.cash()?;
        let positions = opening
            .positions()
            .map(|position| position.map(|position| (position.symbol, position)))
            .collect::<Result<_, _>>()?;
        let orders = opening
            .orders()
            .map(|order| order.map(|order| (order.intake.order_id, order)))
            .collect::<Result<_, _>>()?;
        (self.cash, self.positions, self.orders) = (cash, positions, orders);
        Ok(())
    }

    fn pay(&mut self, transfer: &Transfer) -> Result<(), BooksError> {
        let amount: Amount = transfer.amount();
        let paid = match (transfer.asset(), transfer.debit(), transfer.credit()) {
            (Asset::Cash, LedgerAccount::Funding, LedgerAccount::CashAvailable) => self.cash.deposit(amount),
            (Asset::Cash, LedgerAccount::CashAvailable, LedgerAccount::Funding) => self.cash.withdraw(amount),
            _ => return Err(ApplyError::OtherRows.into()),
        };
        let (cash, _) = paid.ok_or(ApplyError::OutOfRange)?;
        self.cash = cash;
        Ok(())
    }

    fn change_order(&mut self, event: &Event) -> Result<(), BooksError> {
        let order = self.orders.get(&event.order_id()).copied();
        let symbol = match (event, &order) {
            (Event::Accepted { intake, .. } | Event::Rejected { intake, .. }, _) => intake.terms.symbol(),
            (_, Some(order)) => order.terms().symbol(),
            (_, None) => return Err(ApplyError::OtherRows.into()),
        };
        let held = self.positions.get(&symbol).copied();
        let before = AccountState {
            cash: self.cash,
            position: held.unwrap_or(Position::flat(symbol)),
            order,
        };
        let after = apply(&before, event)?;
        self.cash = after.cash;
        // A position has a row once something of it has changed.
        if held.is_some() || after.position != before.position {
            self.positions.insert(symbol, after.position);
        }
        if let Some(order) = after.order {
            self.orders.insert(order.intake.order_id, order);
        }
        Ok(())
    }
}
