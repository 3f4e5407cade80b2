//! Taking an order in.

use super::decide::{Draft, kill};
use super::hold::{Held, adjust, room};
use super::ledger::Transfer;
use super::{
    AccountState, Event, Intake, Invalid, Market, Notional, OrderId, OrderTerms, Price, Pricing, Reject,
    Rules, Side,
};

pub(super) fn place(
    rules: &Rules,
    draft: &mut Draft,
    order: (OrderId, OrderTerms),
    market: &Market,
) -> Result<(), Invalid> {
    let intake = take_in(rules, order, market)?;
    let transfers = match hold(&draft.state, &intake)? {
        Ok(transfers) => transfers,
        Err(reject) => {
            draft.push(Event::Rejected {
                intake,
                reject,
                transfers: Vec::new(),
            })?;
            return Ok(());
        }
    };
    let closed = matches!(market, Market::Closed { .. });
    let working = intake.terms.pricing().stop_price().is_none() && !closed;
    draft.push(Event::Accepted {
        intake,
        working,
        transfers,
    })?;
    if let (true, Market::Open { quote, offered }) = (working, market) {
        draft.meet(rules, quote, *offered)?;
        let order = draft.order()?;
        if order.terms().time_in_force().is_immediate() && !order.status.is_terminal() {
            kill(draft)?;
        }
    }
    Ok(())
}

/// The order with its worst price, or why it cannot be an order.
fn take_in(
    rules: &Rules,
    (order_id, terms): (OrderId, OrderTerms),
    market: &Market,
) -> Result<Intake, Invalid> {
    if terms.time_in_force().is_immediate() {
        match market {
            Market::Open { .. } => {}
            Market::Unusable { .. } => return Err(Invalid::NoUsableQuote),
            Market::Closed { .. } => return Err(Invalid::MarketClosed),
        }
    }
    not_through_market(rules, &terms, market)?;
    let worst_price = worst_price(rules, &terms, market)?;
    within_notional(rules, &terms, worst_price, (Notional::ZERO, market))?;
    Ok(Intake {
        order_id,
        terms,
        worst_price,
        quote_seq: market.seq(),
    })
}

/// A stop that the quote elects already is refused: nobody means that, and it would be a market order.
pub(super) fn not_through_market(rules: &Rules, terms: &OrderTerms, market: &Market) -> Result<(), Invalid> {
    let (Some(stop), Some(quote)) = (terms.pricing().stop_price(), market.usable()) else {
        return Ok(());
    };
    if rules.trigger.elects(terms.side(), stop, quote) {
        return Err(Invalid::StopThroughMarket);
    }
    Ok(())
}

/// The most a buy may pay, the least a sell may bring; market and stop sells take what there is.
fn worst_price(rules: &Rules, terms: &OrderTerms, market: &Market) -> Result<Option<Price>, Invalid> {
    let collared = |price: Price| rules.collar.worst_price(price, rules.tick);
    Ok(match (terms.pricing(), terms.side()) {
        (Pricing::Limit { limit } | Pricing::StopLimit { limit, .. }, _) => Some(limit),
        (Pricing::Stop { stop }, Side::Buy) => Some(collared(stop)?),
        (Pricing::Stop { .. }, Side::Sell) => None,
        (Pricing::Market, side) => match (side, market.reference()) {
            (Side::Buy, Some(quote)) => Some(collared(quote.ask)?),
            (Side::Sell, _) if !matches!(market, Market::Unusable { .. }) => None,
            (Side::Buy | Side::Sell, _) => return Err(Invalid::NoUsableQuote),
        },
    })
}

/// Refuses what is worth too much: what `filled` is worth already, and what is left of the order at the worst of its prices.
pub(super) fn within_notional(
    rules: &Rules,
    left: &OrderTerms,
    worst_price: Option<Price>,
    (filled, market): (Notional, &Market),
) -> Result<(), Invalid> {
    // A sell can bring more than its limit, so the bid counts too.
    let bid = market
        .reference()
        .map(|quote| quote.bid)
        .filter(|_| left.side() == Side::Sell);
    let dearest = worst_price.max(bid).max(left.pricing().stop_price());
    let most = dearest.map_or(Notional::ZERO, |price: Price| price * left.quantity());
    match filled.checked_add(most) {
        Some(worth) if worth <= rules.max_order_notional => Ok(()),
        _ => Err(Invalid::NotionalTooLarge),
    }
}

/// The transfers that set aside what the order may need, or why there is not enough.
fn hold(state: &AccountState, intake: &Intake) -> Result<Result<Vec<Transfer>, Reject>, Invalid> {
    let quantity = intake.terms.quantity();
    let wanted = Held::wanted(intake, Notional::ZERO, quantity)?;
    let transfers = adjust(state, Held::NOTHING, wanted)?;
    if let (Ok(_), Err(reject)) = (&transfers, room(state, intake.terms.side(), quantity)?) {
        return Ok(Err(reject));
    }
    Ok(transfers)
}
