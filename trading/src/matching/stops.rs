//! The orders that wait, of this process: for their stop by symbol and price, for the opening by its time.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use platform_core::Timestamp;

use super::OpenOrder;
use crate::domain::Rank;
use crate::store::OrderRow;
use crate::{OrderId, OrderStatus, Price, Priority, QuoteView, Side, Symbol, Trigger};

/// What an open order waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waits {
    /// Nothing: it takes part in matching.
    No,
    /// Its stop, and its session when that has not begun.
    ForStop {
        stop: Price,
        opens_at: Option<Timestamp>,
    },
    /// Its session.
    ForOpening(Timestamp),
}

impl Waits {
    pub(super) fn of(row: &OrderRow) -> Self {
        match (row.order.status, row.order.awaited_stop()) {
            (OrderStatus::Pending, Some(stop)) => Self::ForStop {
                stop,
                opens_at: row.opens_at,
            },
            // A row that says it waits and not for what is due at once.
            (OrderStatus::Pending, None) => Self::ForOpening(row.opens_at.unwrap_or(row.accepted_at)),
            _ => Self::No,
        }
    }
}

/// Waiting orders in the order in which they stop waiting.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    buys: HashMap<Symbol, BTreeSet<Priority>>,
    sells: HashMap<Symbol, BTreeSet<Priority>>,
    openings: BTreeMap<Timestamp, BTreeSet<OrderId>>,
}

impl Waiting {
    pub(super) fn insert(&mut self, open: &OpenOrder) {
        match open.waits {
            Waits::No => {}
            Waits::ForStop { stop, .. } => {
                self.side(open.side)
                    .entry(open.symbol)
                    .or_default()
                    .insert(place(open, stop));
            }
            Waits::ForOpening(at) => {
                self.openings.entry(at).or_default().insert(open.id);
            }
        }
    }

    pub(super) fn remove(&mut self, open: &OpenOrder) {
        match open.waits {
            Waits::No => {}
            Waits::ForStop { stop, .. } => {
                if let Some(places) = self.side(open.side).get_mut(&open.symbol) {
                    places.remove(&place(open, stop));
                }
            }
            Waits::ForOpening(at) => {
                if let Some(ids) = self.openings.get_mut(&at) {
                    ids.remove(&open.id);
                    if ids.is_empty() {
                        self.openings.remove(&at);
                    }
                }
            }
        }
    }

    /// The stops that a quote elects, of each side the nearest first.
    pub(super) fn elected<'a>(
        &'a self,
        symbol: Symbol,
        trigger: Trigger,
        quote: &QuoteView,
    ) -> impl Iterator<Item = OrderId> + use<'a> {
        let of = |side: Side, places: &'a HashMap<Symbol, BTreeSet<Priority>>| {
            let last = trigger
                .price(side, quote)
                .map(|price| Rank::electable(side, price));
            let places = places.get(&symbol).into_iter().flatten();
            places.take_while(move |place| last.is_some_and(|last| place.reaches(last)))
        };
        of(Side::Buy, &self.buys)
            .chain(of(Side::Sell, &self.sells))
            .map(Priority::id)
    }

    /// The orders whose session has begun.
    pub(super) fn opened(&self, now: Timestamp) -> impl Iterator<Item = OrderId> + '_ {
        self.openings.range(..=now).flat_map(|(_, ids)| ids).copied()
    }

    fn side(&mut self, side: Side) -> &mut HashMap<Symbol, BTreeSet<Priority>> {
        match side {
            Side::Buy => &mut self.buys,
            Side::Sell => &mut self.sells,
        }
    }
}

fn place(open: &OpenOrder, stop: Price) -> Priority {
    Priority::to_elect(open.side, stop, (open.queued_at, open.id))
}
