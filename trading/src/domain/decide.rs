//! From a command to the events it causes.

use super::apply::{ApplyError, apply};
use super::execute::{executable, execution_event};
use super::ledger::{Transfer, TransferCode, cash, shares};
use super::{
    AccountState, Command, Event, Intake, Invalid, LedgerAccount, Market, Notional, Order, OrderId,
    OrderTerms, OrderType, Price, Pricing, Quantity, QuoteView, Reason, Reject, Rules, Side, TimeInForce,
    UnsupportedOrderType, buy_hold,
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
    match command {
        Command::Place {
            order_id,
            terms,
            market,
        } => place(rules, state, (*order_id, *terms), market),
        Command::Fill { quote, offered } => fill(rules, state, quote, *offered),
        Command::Cancel => {
            let order = open_order(state)?;
            Ok(vec![cancelled(&order, Reason::Requested)])
        }
        Command::Expire => {
            let order = open_order(state)?;
            Ok(vec![Event::Expired {
                order_id: order.intake.order_id,
                transfers: release(&order),
            }])
        }
    }
}

/// The events so far and the state after them.
struct Draft {
    state: AccountState,
    events: Vec<Event>,
}

impl Draft {
    fn push(&mut self, event: Event) -> Result<(), ApplyError> {
        self.state = apply(&self.state, &event)?;
        self.events.push(event);
        Ok(())
    }
}

fn place(
    rules: &Rules,
    state: &AccountState,
    order: (OrderId, OrderTerms),
    market: &Market,
) -> Result<Vec<Event>, Invalid> {
    let intake = take_in(rules, order, market)?;
    let mut draft = Draft {
        state: *state,
        events: Vec::new(),
    };
    match hold(state, &intake)? {
        Err(reject) => draft.push(Event::Rejected { intake, reject })?,
        Ok(transfers) => {
            draft.push(Event::Accepted {
                intake,
                working: true,
                transfers,
            })?;
            if let Market::Open { quote, offered } = market {
                meet(rules, &mut draft, quote, *offered)?;
            }
        }
    }
    Ok(draft.events)
}

/// The order with its worst price, or why it cannot be an order.
fn take_in(rules: &Rules, order: (OrderId, OrderTerms), market: &Market) -> Result<Intake, Invalid> {
    let (order_id, terms) = order;
    let quote = match market {
        Market::Open { quote, .. } => Some(quote),
        Market::Unusable { .. } => None,
    };
    let needs_quote = terms.pricing() == Pricing::Market || terms.time_in_force().is_immediate();
    let worst_price = match (terms.pricing(), quote) {
        (Pricing::Stop { .. } | Pricing::StopLimit { .. }, _) => {
            let order_type: OrderType = terms.pricing().order_type();
            return Err(UnsupportedOrderType { order_type }.into());
        }
        (_, None) if needs_quote => return Err(Invalid::NoUsableQuote),
        (Pricing::Limit { limit }, _) => Some(limit),
        (Pricing::Market, Some(quote)) => match terms.side() {
            Side::Buy => Some(rules.collar.worst_price(quote.ask, rules.tick)?),
            Side::Sell => None,
        },
        (Pricing::Market, None) => return Err(Invalid::NoUsableQuote),
    };

    // A sell can bring more than its limit, so the bid counts too.
    let bid = quote
        .map(|quote| quote.bid)
        .filter(|_| terms.side() == Side::Sell);
    let most = worst_price
        .max(bid)
        .map_or(Notional::ZERO, |price: Price| price * terms.quantity());
    if most > rules.max_order_notional {
        return Err(Invalid::NotionalTooLarge);
    }
    Ok(Intake {
        order_id,
        terms,
        worst_price,
        quote_seq: market.seq(),
    })
}

/// The transfers that set aside what the order may need, or why there is not enough.
fn hold(state: &AccountState, intake: &Intake) -> Result<Result<Vec<Transfer>, Reject>, Invalid> {
    use LedgerAccount::{CashAvailable, CashHeld, SharesAvailable, SharesHeld};
    let quantity = intake.terms.quantity();
    let transfer = match (intake.terms.side(), intake.worst_price) {
        (Side::Buy, Some(worst)) => {
            let needed = buy_hold(Notional::ZERO, quantity, worst)?;
            let available = state.cash.available;
            if needed > available {
                return Ok(Err(Reject::InsufficientFunds { needed, available }));
            }
            if state.position.quantity()?.checked_add(quantity).is_none() {
                return Ok(Err(Reject::PositionLimit { limit: Quantity::MAX }));
            }
            cash(TransferCode::Hold, CashAvailable, CashHeld, needed)
        }
        (Side::Buy, None) => return Err(Invalid::NoUsableQuote),
        (Side::Sell, _) => {
            let available = state.position.available;
            if quantity > available {
                return Ok(Err(Reject::InsufficientShares {
                    needed: quantity,
                    available,
                }));
            }
            shares(
                TransferCode::Hold,
                SharesAvailable,
                SharesHeld,
                (intake.terms.symbol(), quantity),
            )
        }
    };
    Ok(Ok(transfer.into_iter().collect()))
}

/// The new order meets the quote it was placed on; what may not rest is withdrawn.
fn meet(rules: &Rules, draft: &mut Draft, quote: &QuoteView, offered: Quantity) -> Result<(), Invalid> {
    let order = draft.state.order.ok_or(ApplyError::OtherRows)?;
    if let Some(trade) = executable(&order, &draft.state.position, quote, offered)? {
        draft.push(execution_event(rules, &order, quote.seq, trade)?)?;
    }
    let order = draft.state.order.ok_or(ApplyError::OtherRows)?;
    let reason = match order.terms().time_in_force() {
        TimeInForce::Ioc => Reason::IocRemainder,
        TimeInForce::Fok => Reason::FokUnfilled,
        TimeInForce::Day | TimeInForce::Gtc => return Ok(()),
    };
    if !order.status.is_terminal() {
        draft.push(cancelled(&order, reason))?;
    }
    Ok(())
}

fn fill(
    rules: &Rules,
    state: &AccountState,
    quote: &QuoteView,
    offered: Quantity,
) -> Result<Vec<Event>, Invalid> {
    let order = state.order.ok_or(ApplyError::OtherRows)?;
    if !order.status.is_working() || quote.seq <= order.last_quote_seq {
        return Ok(Vec::new());
    }
    match executable(&order, &state.position, quote, offered)? {
        Some(trade) => {
            let mut draft = Draft {
                state: *state,
                events: Vec::new(),
            };
            draft.push(execution_event(rules, &order, quote.seq, trade)?)?;
            Ok(draft.events)
        }
        None => Ok(Vec::new()),
    }
}

fn open_order(state: &AccountState) -> Result<Order, Invalid> {
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

/// Gives back exactly what is held for an open order; no price is looked up.
fn release(order: &Order) -> Vec<Transfer> {
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
