//! Changing the terms of an open order.

use super::decide::{Draft, open_order};
use super::hold::{Held, adjust, release, room};
use super::place::{not_through_market, within_notional};
use super::{
    AccountState, ApplyError, Event, Intake, Invalid, Market, Order, OrderTerms, Price, Pricing, Quantity,
    Replacement, Rules, Side,
};

pub(super) fn replace(
    rules: &Rules,
    draft: &mut Draft,
    replacement: &Replacement,
    market: &Market,
) -> Result<(), Invalid> {
    let order = open_order(&draft.state)?;
    if replacement.stop_price.is_some() && order.elected_quote_seq.is_some() {
        return Err(Invalid::StopElected);
    }
    let terms = replacement.of(order.terms())?;
    if terms.quantity() <= order.filled {
        draft.push(complete(&order, market))?;
        return Ok(());
    }
    if terms == *order.terms() {
        return Ok(());
    }
    let event = change(rules, &draft.state, (&order, terms), market)?;
    draft.push(event)?;
    match market {
        Market::Open { quote, offered } if meets(&order, quote.seq) => draft.meet(rules, quote, *offered),
        _ => Ok(()),
    }
}

/// An order that works meets the quote, unless it has executed on it, or on a newer one elsewhere.
fn meets(order: &Order, quote_seq: u64) -> bool {
    order.status.is_working() && !order.executed_on(quote_seq) && quote_seq >= order.last_quote_seq
}

/// Nothing is left to fill: the order is what was filled. What else was asked for does not matter any more.
fn complete(order: &Order, market: &Market) -> Event {
    Event::Replaced {
        order_id: order.intake.order_id,
        terms: order.terms().for_quantity(order.filled),
        worst_price: order.intake.worst_price,
        from_quote_seq: market.first_seq(),
        keeps_priority: true,
        transfers: release(order),
    }
}

fn change(
    rules: &Rules,
    state: &AccountState,
    (order, terms): (&Order, OrderTerms),
    market: &Market,
) -> Result<Event, Invalid> {
    if terms.pricing().stop_price() != order.terms().pricing().stop_price() {
        not_through_market(rules, &terms, market)?;
    }
    let leaves: Quantity = terms
        .quantity()
        .checked_sub(order.filled)
        .ok_or(ApplyError::OutOfRange)?;
    let intake = Intake {
        terms,
        worst_price: worst_price(rules, order, &terms)?,
        ..order.intake
    };
    let left = terms.for_quantity(leaves);
    within_notional(rules, &left, intake.worst_price, (order.notional, market))?;
    let wanted = Held::wanted(&intake, order.notional, leaves)?;
    let transfers = adjust(state, Held::by(order), wanted)?.map_err(Invalid::Refused)?;
    room(state, terms.side(), leaves)?.map_err(Invalid::Refused)?;
    Ok(Event::Replaced {
        order_id: order.intake.order_id,
        terms,
        worst_price: intake.worst_price,
        from_quote_seq: market.first_seq(),
        keeps_priority: keeps_priority(order.terms(), &terms),
        transfers,
    })
}

/// A limit is the new one. A collar stays where it was set, unless it is the collar of a stop that has moved.
fn worst_price(rules: &Rules, order: &Order, terms: &OrderTerms) -> Result<Option<Price>, Invalid> {
    Ok(match terms.pricing() {
        Pricing::Limit { limit } | Pricing::StopLimit { limit, .. } => Some(limit),
        Pricing::Stop { stop } if terms.side() == Side::Buy && terms.pricing() != order.terms().pricing() => {
            Some(rules.collar.worst_price(stop, rules.tick)?)
        }
        Pricing::Stop { .. } | Pricing::Market => order.intake.worst_price,
    })
}

/// Asking for less is the one change that takes nothing from those behind.
fn keeps_priority(before: &OrderTerms, after: &OrderTerms) -> bool {
    after.quantity() < before.quantity() && after.for_quantity(before.quantity()) == *before
}
