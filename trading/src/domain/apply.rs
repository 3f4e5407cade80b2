//! From an event to the rows after it.

use super::ledger::Transfer;
use super::status::{InvalidTransition, Step, transition};
use super::{
    AccountState, Asset, Cents, Event, Execution, Intake, LedgerAccount, Order, OrderId, OrderTerms, Price,
    Quantity, Reason, Side,
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
        Event::Rejected { intake, reject, .. } => {
            let rejected = match state.order {
                None => take_in(state, intake, Step::Reject)?,
                Some(_) => step_order(state, intake.order_id, Step::Reject)?,
            };
            finish(rejected, Some(reject.reason()))
        }
        Event::Triggered { order_id, quote_seq } => trigger(state, *order_id, *quote_seq)?,
        Event::Activated { order_id } => {
            // An order that waits for its stop is activated by its election alone.
            let order = loaded_order(state, *order_id)?;
            if order.awaited_stop().is_some() {
                return Err(ApplyError::OtherRows);
            }
            step_order(state, *order_id, Step::Activate)?
        }
        Event::Replaced {
            order_id,
            terms,
            worst_price,
            from_quote_seq,
            ..
        } => replace(state, *order_id, (terms, *worst_price), *from_quote_seq)?,
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

fn trigger(state: &AccountState, order_id: OrderId, quote_seq: u64) -> Result<AccountState, ApplyError> {
    let order = loaded_order(state, order_id)?;
    if order.awaited_stop().is_none() {
        return Err(ApplyError::OtherRows);
    }
    let order = Order {
        elected_quote_seq: Some(quote_seq),
        ..order.step(Step::Activate)?
    };
    Ok(AccountState {
        order: Some(only_from(order, quote_seq)),
        ..*state
    })
}

fn replace(
    state: &AccountState,
    order_id: OrderId,
    (terms, worst_price): (&OrderTerms, Option<Price>),
    from_quote_seq: u64,
) -> Result<AccountState, ApplyError> {
    let order = loaded_order(state, order_id)?;
    if (terms.symbol(), terms.side()) != (order.terms().symbol(), order.terms().side()) {
        return Err(ApplyError::OtherRows);
    }
    let leaves = terms
        .quantity()
        .checked_sub(order.filled)
        .ok_or(ApplyError::OutOfRange)?;
    let order = order.step(Step::Replace {
        complete: leaves.is_zero(),
    })?;
    let intake = Intake {
        terms: *terms,
        worst_price,
        ..order.intake
    };
    Ok(AccountState {
        order: Some(only_from(Order { intake, ..order }, from_quote_seq)),
        ..*state
    })
}

/// The order only executes on this quote or a later one; it has not met it yet.
fn only_from(order: Order, quote_seq: u64) -> Order {
    Order {
        last_quote_seq: order.last_quote_seq.max(quote_seq.saturating_sub(1)),
        ..order
    }
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
