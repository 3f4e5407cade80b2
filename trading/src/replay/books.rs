//! What the events of an account rebuild.

use std::collections::BTreeMap;

use platform_core::Timestamp;

use super::opening::Malformed;
use super::state::with_ended;
use super::{AccountEvent, BookedOrder, Opening, OrderRecord};
use crate::{
    AccountState, Amount, ApplyError, Asset, Cash, Event, LedgerAccount, OrderId, Position, Symbol, Transfer,
    apply,
};

/// Cash, positions and orders of an account after some of its events, and the number of the last of them.
///
/// ```
/// use time::macros::datetime;
/// use trading::{AccountBooks, AccountEvent, Amount, Cash};
///
/// let (_, transfer) = Amount::new(1_000_000).and_then(|cents| Cash::default().deposit(cents)).ok_or("an amount")?;
/// let mut books = AccountBooks::default();
/// books.carry_out(1, datetime!(2026-01-05 15:00 UTC), &AccountEvent::Opened { transfer })?;
/// assert_eq!(books.cash().available.to_string(), "10000.00");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountBooks {
    pub(super) seq: i64,
    cash: Cash,
    positions: BTreeMap<Symbol, Position>,
    orders: BTreeMap<OrderId, BookedOrder>,
    /// The digest over the orders that are final, in the order in which they ended.
    pub(super) ended: [u8; 32],
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
    /// What the event records of the order cannot have become of what was recorded before.
    #[error("the record of order {0} does not follow from the one before")]
    Record(OrderId),
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

    /// The orders, final ones too until they are [taken out](Self::take_ended).
    pub const fn orders(&self) -> &BTreeMap<OrderId, BookedOrder> {
        &self.orders
    }

    /// Takes the final orders out: nothing can happen to them any more, and the books need not hold them.
    pub fn take_ended(&mut self) -> Vec<BookedOrder> {
        let ended = self
            .orders
            .extract_if(.., |_, booked| booked.order.status.is_terminal());
        ended.map(|(_, booked)| booked).collect()
    }

    /// Does what the next event says, which happened at `at`.
    ///
    /// # Errors
    /// [`BooksError`]; the books are as they were.
    pub fn carry_out(&mut self, seq: i64, at: Timestamp, event: &AccountEvent) -> Result<(), BooksError> {
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
            AccountEvent::AlertFired(_) => {}
            AccountEvent::Order { event, record } => self.change_order(at, event, record.as_ref())?,
        }
        self.seq = seq;
        Ok(())
    }

    pub(super) fn begin_with(&mut self, opening: &Opening) -> Result<(), BooksError> {
        let cash = opening.cash()?;
        let positions = opening
            .positions()
            .map(|position| position.map(|position| (position.symbol, position)))
            .collect::<Result<_, _>>()?;
        let orders = opening
            .orders()
            .map(|booked| booked.map(|booked| (booked.order.intake.order_id, booked)))
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

    fn change_order(
        &mut self,
        at: Timestamp,
        event: &Event,
        record: Option<&OrderRecord>,
    ) -> Result<(), BooksError> {
        let id = event.order_id();
        let booked = self.orders.get(&id);
        let symbol = match (event, booked) {
            (Event::Accepted { intake, .. } | Event::Rejected { intake, .. }, _) => intake.terms.symbol(),
            (_, Some(booked)) => booked.order.terms().symbol(),
            (_, None) => return Err(ApplyError::OtherRows.into()),
        };
        let recorded = booked.and_then(|booked| booked.record.as_ref());
        if record.is_some_and(|record| !record.follows(recorded, event)) {
            return Err(BooksError::Record(id));
        }
        let accepted_at = booked.map_or(Some(at), |booked| booked.accepted_at);
        let held = self.positions.get(&symbol).copied();
        let before = AccountState {
            cash: self.cash,
            position: held.unwrap_or(Position::flat(symbol)),
            order: booked.map(|booked| booked.order),
        };
        let after = apply(&before, event)?;
        self.cash = after.cash;
        // A position has a row once something of it has changed.
        if held.is_some() || after.position != before.position {
            self.positions.insert(symbol, after.position);
        }
        if let Some(order) = after.order {
            let booked = BookedOrder {
                order,
                record: record.cloned(),
                accepted_at,
                updated_at: Some(at),
            };
            if order.status.is_terminal() {
                self.ended = with_ended(&self.ended, &booked);
            }
            self.orders.insert(id, booked);
        }
        Ok(())
    }
}
