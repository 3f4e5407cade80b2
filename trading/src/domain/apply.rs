//! From an event to the rows after it.

use super::ledger::Transfer;
use super::status::{InvalidTransition, Step, transition};
use super::{
    AccountState, Asset, Cents, Event, Execution, Intake, LedgerAccount, Order, OrderId, Quantity, Reason,
    Side,
};

/// An event does not belong to the state: the wrong rows were loaded, or the log is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The order cannot take this step.
    #[error(transparent)]
    Transition(#[from] InvalidTransition),
    /// The event is about another order or instrument than the state, or about an order that is already there.
    #[error("the event is not about the order and position that were loaded")]
    OtherRows,
    /// A balance would fall below zero.
    #[error("{account} would fall below zero")]
    Overdrawn {
        /// The account.
        account: LedgerAccount,
    },
    /// An amount would leave its range.
    #[error("an amount leaves its range")]
    OutOfRange,
}

/// The state after an event.
///
/// Nothing is decided here: the event already says what moves. Replaying the events of an account through this function rebuilds
/// its balances, positions and orders.
///
/// # Errors
/// [`ApplyError`] when the event does not belong to the state. Events of [`decide`](crate::decide) always belong to the state
/// they were decided on; roll the transaction back and report a defect.
pub fn apply(state: &AccountState, event: &Event) -> Result<AccountState, ApplyError> {
    let changed = match event {
        Event::Accepted { intake, working, .. } => {
            take_in(state, intake, Step::Accept { working: *working })?
        }
        Event::Rejected { intake, reject } => {
            finish(take_in(state, intake, Step::Reject)?, Some(reject.reason()))
        }
        Event::Filled { execution, .. } => fill(state, execution)?,
        Event::Cancelled { order_id, reason, .. } => {
            let step = if *reason == Reason::Requested {
                Step::Cancel
            } else {
                Step::Kill
            };
            finish(step_order(state, *order_id, step)?, Some(*reason))
        }
        Event::Expired { order_id, .. } => step_order(state, *order_id, Step::Expire)?,
    };
    event.transfers().iter().try_fold(changed, post)
}

fn take_in(state: &AccountState, intake: &Intake, step: Step) -> Result<AccountState, ApplyError> {
    if state.order.is_some() || state.position.symbol != intake.terms.symbol() {
        return Err(ApplyError::OtherRows);
    }
    let order = Order::taken_in(*intake, transition(None, step)?);
    Ok(AccountState {
        order: Some(order),
        ..*state
    })
}

fn finish(state: AccountState, reason: Option<Reason>) -> AccountState {
    AccountState {
        order: state.order.map(|order| Order { reason, ..order }),
        ..state
    }
}

fn step_order(state: &AccountState, order_id: OrderId, step: Step) -> Result<AccountState, ApplyError> {
    let order = loaded_order(state, order_id)?.step(step)?;
    Ok(AccountState {
        order: Some(order),
        ..*state
    })
}

fn loaded_order(state: &AccountState, order_id: OrderId) -> Result<Order, ApplyError> {
    state
        .order
        .filter(|order| order.intake.order_id == order_id && order.terms().symbol() == state.position.symbol)
        .ok_or(ApplyError::OtherRows)
}

/// Order and cost after an execution; shares and cash follow by the transfers.
fn fill(state: &AccountState, execution: &Execution) -> Result<AccountState, ApplyError> {
    let order = loaded_order(state, execution.id.order_id)?;
    if execution.symbol != order.terms().symbol() || execution.side != order.terms().side() {
        return Err(ApplyError::OtherRows);
    }
    let leaves = order
        .leaves()
        .checked_sub(execution.quantity)
        .ok_or(ApplyError::OutOfRange)?;
    let step = if leaves.is_zero() {
        Step::FillRest
    } else {
        Step::FillPart
    };
    let order = order.step(step)?;
    let filled = order
        .filled
        .checked_add(execution.quantity)
        .ok_or(ApplyError::OutOfRange)?;
    let worth = execution.price * execution.quantity;
    let notional = order.notional.checked_add(worth).ok_or(ApplyError::OutOfRange)?;
    let fees = order
        .fees
        .checked_add(execution.fee)
        .ok_or(ApplyError::OutOfRange)?;
    let order = Order {
        filled,
        notional,
        fees,
        last_quote_seq: execution.id.quote_seq,
        ..order
    };

    let position = match execution.side {
        Side::Buy => state.position.paid(execution.cash),
        Side::Sell => state.position.sold(execution.quantity, execution.cash),
    };
    let position = position.ok_or(ApplyError::OutOfRange)?;
    Ok(AccountState {
        position,
        order: Some(order),
        ..*state
    })
}

fn post(state: AccountState, transfer: &Transfer) -> Result<AccountState, ApplyError> {
    if let Asset::Shares(symbol) = transfer.asset()
        && symbol != state.position.symbol
    {
        return Err(ApplyError::OtherRows);
    }
    let units = transfer.amount().units();
    let debited = book(state, transfer.debit(), -units)?;
    book(debited, transfer.credit(), units)
}

/// Adds signed units to one account. Cash that is held is held for the order.
fn book(mut state: AccountState, account: LedgerAccount, units: i64) -> Result<AccountState, ApplyError> {
    match account {
        LedgerAccount::CashAvailable => add_cash(&mut state.cash.available, units, account)?,
        LedgerAccount::CashHeld => {
            let order = state.order.as_mut().ok_or(ApplyError::OtherRows)?;
            add_cash(&mut order.hold, units, account)?;
            add_cash(&mut state.cash.held, units, account)?;
        }
        LedgerAccount::SharesAvailable => add_shares(&mut state.position.available, units, account)?,
        LedgerAccount::SharesHeld => add_shares(&mut state.position.held, units, account)?,
        LedgerAccount::Street | LedgerAccount::Funding | LedgerAccount::Fees => {}
    }
    Ok(state)
}

fn add_cash(balance: &mut Cents, units: i64, account: LedgerAccount) -> Result<(), ApplyError> {
    let sum = balance.cents().checked_add(units).ok_or(ApplyError::OutOfRange)?;
    if sum < 0 {
        return Err(ApplyError::Overdrawn { account });
    }
    *balance = Cents::from_cents(sum).map_err(|_| ApplyError::OutOfRange)?;
    Ok(())
}

fn add_shares(balance: &mut Quantity, units: i64, account: LedgerAccount) -> Result<(), ApplyError> {
    let sum = balance.e6().checked_add(units).ok_or(ApplyError::OutOfRange)?;
    if sum < 0 {
        return Err(ApplyError::Overdrawn { account });
    }
    *balance = Quantity::from_e6(sum).map_err(|_| ApplyError::OutOfRange)?;
    Ok(())
}
