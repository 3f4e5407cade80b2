//! Whether an order trades on a quote, and what that moves.

use super::ledger::{Transfer, TransferCode, cash, shares};
use super::{
    Cents, DecimalError, Event, Execution, ExecutionId, LedgerAccount, Notional, Order, Position, Price,
    Quantity, QuoteView, Rounding, Rules, Side, TimeInForce, buy_hold,
};

/// A price and a quantity at which an order trades.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trade {
    price: Price,
    quantity: Quantity,
}

/// The trade of the order on the quote, if the price is good enough and something is offered.
///
/// A buy executes at the ask, a sell at the bid; touching the worst price is good enough. A fill-or-kill order trades
/// completely or not at all.
pub(super) fn executable(
    order: &Order,
    position: &Position,
    quote: &QuoteView,
    offered: Quantity,
) -> Result<Option<Trade>, DecimalError> {
    let worst = order.intake.worst_price;
    let (price, marketable, room) = match order.terms().side() {
        Side::Buy => {
            let owned = position.quantity()?;
            let room = Quantity::MAX.checked_sub(owned).unwrap_or(Quantity::ZERO);
            (quote.ask, worst.is_some_and(|worst| quote.ask <= worst), room)
        }
        Side::Sell => (
            quote.bid,
            worst.is_none_or(|worst| quote.bid >= worst),
            Quantity::MAX,
        ),
    };
    let quantity = order.leaves().min(offered).min(room);
    let complete = quantity == order.leaves();
    let allowed = order.terms().time_in_force() != TimeInForce::Fok || complete;
    Ok((marketable && allowed && !quantity.is_zero()).then_some(Trade { price, quantity }))
}

/// The event of a trade.
///
/// The cash is the difference of two roundings of the whole order, `R(N) - R(N before)`, so that it does not depend on how
/// the order is cut into executions.
pub(super) fn execution_event(
    rules: &Rules,
    order: &Order,
    quote_seq: u64,
    trade: Trade,
) -> Result<Event, DecimalError> {
    let notional = Notional::from_e10(
        order
            .notional
            .e10()
            .saturating_add((trade.price * trade.quantity).e10()),
    );
    let cash = difference(
        notional.to_cents(Rounding::HalfEven)?,
        order.notional.to_cents(Rounding::HalfEven)?,
    )?;
    let side = order.terms().side();
    let fee = match side {
        Side::Buy => Cents::ZERO,
        Side::Sell => rules.fee.fee(notional, order.fees, cash)?,
    };
    let execution = Execution {
        id: ExecutionId {
            order_id: order.intake.order_id,
            quote_seq,
        },
        symbol: order.terms().symbol(),
        side,
        quantity: trade.quantity,
        price: trade.price,
        cash,
        fee,
    };
    let transfers = match side {
        Side::Buy => bought(order, &execution, notional)?,
        Side::Sell => sold(&execution),
    };
    Ok(Event::Filled { execution, transfers })
}

/// Cash out of the hold to the market, shares in, and what the hold no longer needs back: all of it with the last execution.
fn bought(order: &Order, execution: &Execution, notional: Notional) -> Result<Vec<Transfer>, DecimalError> {
    use LedgerAccount::{CashAvailable, CashHeld, SharesAvailable, Street};
    let leaves = order
        .leaves()
        .checked_sub(execution.quantity)
        .unwrap_or(Quantity::ZERO);
    let kept = match order.intake.worst_price {
        Some(worst) if !leaves.is_zero() => buy_hold(notional, leaves, worst)?,
        _ => Cents::ZERO,
    };
    let released = difference(difference(order.hold, execution.cash)?, kept)?;
    Ok([
        cash(TransferCode::Trade, CashHeld, Street, execution.cash),
        shares(
            TransferCode::Trade,
            Street,
            SharesAvailable,
            (execution.symbol, execution.quantity),
        ),
        cash(TransferCode::Release, CashHeld, CashAvailable, released),
    ]
    .into_iter()
    .flatten()
    .collect())
}

/// Shares out of the hold to the market, cash in, and the fee out of that.
fn sold(execution: &Execution) -> Vec<Transfer> {
    use LedgerAccount::{CashAvailable, Fees, SharesHeld, Street};
    [
        shares(
            TransferCode::Trade,
            SharesHeld,
            Street,
            (execution.symbol, execution.quantity),
        ),
        cash(TransferCode::Trade, Street, CashAvailable, execution.cash),
        cash(TransferCode::Fee, CashAvailable, Fees, execution.fee),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn difference(minuend: Cents, subtrahend: Cents) -> Result<Cents, DecimalError> {
    Cents::from_units(i128::from(minuend.cents()) - i128::from(subtrahend.cents()))
}
