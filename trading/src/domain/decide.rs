//! From a command to the events it causes.

use super::apply::{ApplyError, apply};
use super::execute::{executable, execution_event};
use super::hold::release;
use super::place::place;
use super::replace::replace;
use super::{
    AccountState, Command, Event, Invalid, Order, OrderStatus, Quantity, QuoteView, Reason, Reject, Rules,
    TimeInForce,
};

/// What a command causes.
///
/// The function reads nothing but its arguments and changes nothing: the caller loads the rows under lock, writes what the
/// events say ([`apply`] gives the new rows, [`Event::transfers`] and [`Event::execution`] the rows to insert) and commits.
/// No event is no change.
///
/// An order that is refused for a reason of business gives [`Event::Rejected`], which is written like any other event; an
/// error means that nothing is written.
///
/// ```
/// use platform_core::Sources;
/// use trading::{AccountState, Cash, Command, Market, OrderId, OrderStatus, OrderTerms, Position, QuoteView, Rules, Side};
/// use trading::{apply, decide};
///
/// let cash = Cash { available: "10000.00".parse()?, ..Cash::default() };
/// let state = AccountState::before_order(cash, Position::flat("AAPL".parse()?));
/// let quote = QuoteView {
///     seq: 7,
///     bid: "178.49".parse()?,
///     ask: "178.51".parse()?,
///     last: "178.50".parse()?,
///     bid_size: "100".parse()?,
///     ask_size: "100".parse()?,
/// };
///
/// let place = Command::Place {
///     order_id: OrderId::generate(&Sources::system()),
///     terms: OrderTerms::market("AAPL".parse()?, Side::Buy, "10".parse()?)?,
///     market: Market::Open { quote, offered: quote.ask_size },
/// };
/// let events = decide(&Rules::default(), &state, &place)?;
/// let after = events.iter().try_fold(state, |state, event| apply(&state, event))?;
///
/// assert_eq!(events.iter().map(|event| event.kind()).collect::<Vec<_>>(), ["accepted", "filled"]);
/// assert_eq!(after.order.map(|order| order.status), Some(OrderStatus::Filled));
/// assert_eq!(after.cash.available.to_string(), "8214.90");
/// assert_eq!(after.position.cost.to_string(), "1785.10");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Invalid`]; nothing is to be written. [`Invalid::OrderClosed`] is a race with an execution or a cancellation: answer with
/// the order as it is.
pub fn decide(rules: &Rules, state: &AccountState, command: &Command) -> Result<Vec<Event>, Invalid> {
    let mut draft = Draft::new(state);
    match command {
        Command::Place {
            order_id,
            terms,
            market,
        } => place(rules, &mut draft, (*order_id, *terms), market)?,
        Command::Elect { quote } => elect(rules, &mut draft, quote)?,
        Command::Activate => activate(&mut draft)?,
        Command::Reject { reject } => refuse(&mut draft, *reject)?,
        Command::Fill { quote, offered } => fill(rules, &mut draft, quote, *offered)?,
        Command::Replace { replacement, market } => replace(rules, &mut draft, replacement, market)?,
        Command::Cancel => {
            let order = open_order(state)?;
            draft.push(cancelled(&order, Reason::Requested))?;
        }
        Command::Kill => kill(&mut draft)?,
        Command::Expire => {
            let order = open_order(state)?;
            draft.push(Event::Expired {
                order_id: order.intake.order_id,
                transfers: release(&order),
            })?;
        }
    }
    Ok(draft.events)
}

/// The events so far and the state after them.
pub(super) struct Draft {
    pub(super) state: AccountState,
    events: Vec<Event>,
}

impl Draft {
    fn new(state: &AccountState) -> Self {
        Self {
            state: *state,
            events: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, event: Event) -> Result<(), ApplyError> {
        self.state = apply(&self.state, &event)?;
        self.events.push(event);
        Ok(())
    }

    /// The order as it is now.
    pub(super) fn order(&self) -> Result<Order, ApplyError> {
        self.state.order.ok_or(ApplyError::OtherRows)
    }

    /// Executes the order on a quote that is good enough, as far as something is offered.
    pub(super) fn meet(
        &mut self,
        rules: &Rules,
        quote: &QuoteView,
        offered: Quantity,
    ) -> Result<(), Invalid> {
        let order = self.order()?;
        if let Some(trade) = executable(&order, &self.state.position, quote, offered)? {
            self.push(execution_event(rules, &order, quote.seq, trade)?)?;
        }
        Ok(())
    }
}

fn elect(rules: &Rules, draft: &mut Draft, quote: &QuoteView) -> Result<(), Invalid> {
    let order = draft.order()?;
    let Some(stop) = order.awaited_stop() else {
        return Ok(());
    };
    let waits = order.status == OrderStatus::Pending && quote.seq > order.last_quote_seq;
    if waits && rules.trigger.elects(order.terms().side(), stop, quote) {
        draft.push(Event::Triggered {
            order_id: order.intake.order_id,
            quote_seq: quote.seq,
        })?;
    }
    Ok(())
}

fn activate(draft: &mut Draft) -> Result<(), Invalid> {
    let order = draft.order()?;
    if order.status == OrderStatus::Pending && order.awaited_stop().is_none() {
        draft.push(Event::Activated {
            order_id: order.intake.order_id,
        })?;
    }
    Ok(())
}

fn refuse(draft: &mut Draft, reject: Reject) -> Result<(), Invalid> {
    let order = open_order(&draft.state)?;
    draft.push(Event::Rejected {
        intake: order.intake,
        reject,
        transfers: release(&order),
    })?;
    Ok(())
}

fn fill(rules: &Rules, draft: &mut Draft, quote: &QuoteView, offered: Quantity) -> Result<(), Invalid> {
    let order = draft.order()?;
    if order.status.is_working() && quote.seq > order.last_quote_seq {
        draft.meet(rules, quote, offered)?;
    }
    Ok(())
}

/// Withdraws what an immediate order has left.
pub(super) fn kill(draft: &mut Draft) -> Result<(), Invalid> {
    let order = open_order(&draft.state)?;
    let reason = match order.terms().time_in_force() {
        TimeInForce::Ioc => Reason::IocRemainder,
        TimeInForce::Fok => Reason::FokUnfilled,
        TimeInForce::Day | TimeInForce::Gtc => return Err(Invalid::NotImmediate),
    };
    draft.push(cancelled(&order, reason))?;
    Ok(())
}

pub(super) fn open_order(state: &AccountState) -> Result<Order, Invalid> {
    let order = state.order.ok_or(ApplyError::OtherRows)?;
    match order.status {
        status if status.is_terminal() => Err(Invalid::OrderClosed { status }),
        _ => Ok(order),
    }
}

fn cancelled(order: &Order, reason: Reason) -> Event {
    Event::Cancelled {
        order_id: order.intake.order_id,
        reason,
        transfers: release(order),
    }
}
