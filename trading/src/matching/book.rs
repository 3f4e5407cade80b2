//! The orders of one symbol by their places.

use std::collections::BTreeSet;

use super::open::{OpenOrder, Waits};
use crate::domain::Rank;
use crate::{OrderId, Price, Priority, QuoteView, Side, Trigger};

/// Orders of one symbol: those that work by how eager they are, and stops by how near the market is to them.
#[derive(Debug, Default)]
pub(super) struct Book {
    working: Places,
    stops: Places,
}

#[derive(Debug, Default)]
struct Places {
    buys: Queue,
    sells: Queue,
}

/// Orders of one side, the first first.
#[derive(Debug, Default)]
struct Queue {
    places: BTreeSet<Priority>,
    /// The price of the first, kept beside them: almost all quotes reach nobody, and that is all there is to look at then.
    front: Option<Rank>,
}

impl Book {
    pub(super) fn insert(&mut self, open: &OpenOrder) {
        if let Some((places, place)) = self.place_of(open) {
            places.insert(place);
        }
    }

    pub(super) fn remove(&mut self, open: &OpenOrder) {
        if let Some((places, place)) = self.place_of(open) {
            places.remove(&place);
        }
    }

    /// Those that a quote with these prices could fill, the most eager first, at most `limit` of each side.
    pub(super) fn marketable(
        &self,
        (bid, ask): (Price, Price),
        limit: usize,
    ) -> impl Iterator<Item = OrderId> + use<'_> {
        let of = |side| {
            self.working
                .up_to(side, Rank::fillable(side, bid, ask))
                .take(limit)
        };
        of(Side::Buy).chain(of(Side::Sell))
    }

    /// The stops that a quote elects, of each side the nearest first.
    pub(super) fn elected(
        &self,
        trigger: Trigger,
        quote: &QuoteView,
    ) -> impl Iterator<Item = OrderId> + use<'_> {
        let of = |side| {
            let price = trigger.price(side, quote);
            let last = price.map(|price| Rank::electable(side, price));
            last.into_iter()
                .flat_map(move |last| self.stops.up_to(side, last))
        };
        of(Side::Buy).chain(of(Side::Sell))
    }

    /// Whether a quote fills or elects any.
    pub(super) fn is_met_by(&self, trigger: Trigger, quote: &QuoteView) -> bool {
        [Side::Buy, Side::Sell].into_iter().any(|side| {
            let fillable = Rank::fillable(side, quote.bid, quote.ask);
            let stops = self.stops.side(side);
            self.working.side(side).is_reached(fillable)
                || (stops.front.is_some()
                    && trigger
                        .price(side, quote)
                        .is_some_and(|price| stops.is_reached(Rank::electable(side, price))))
        })
    }

    fn place_of(&mut self, open: &OpenOrder) -> Option<(&mut Queue, Priority)> {
        match open.waits {
            Waits::No => Some((self.working.side_mut(open.side), open.place())),
            Waits::ForStop { stop, .. } => {
                let place = Priority::to_elect(open.side, stop, (open.queued_at, open.id));
                Some((self.stops.side_mut(open.side), place))
            }
            Waits::ForOpening(_) => None,
        }
    }
}

impl Places {
    fn side(&self, side: Side) -> &Queue {
        match side {
            Side::Buy => &self.buys,
            Side::Sell => &self.sells,
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut Queue {
        match side {
            Side::Buy => &mut self.buys,
            Side::Sell => &mut self.sells,
        }
    }

    fn up_to(&self, side: Side, last: Rank) -> impl Iterator<Item = OrderId> + use<'_> {
        let places = self.side(side).places.iter();
        let reached = places.take_while(move |place| place.reaches(last));
        reached.map(Priority::id)
    }
}

impl Queue {
    fn insert(&mut self, place: Priority) {
        self.places.insert(place);
        if self.front.is_none_or(|front| place.rank() < front) {
            self.front = Some(place.rank());
        }
    }

    fn remove(&mut self, place: &Priority) {
        self.places.remove(place);
        if self.front == Some(place.rank()) {
            self.front = self.places.first().map(Priority::rank);
        }
    }

    /// Whether its first is before this bound, or on it.
    fn is_reached(&self, bound: Rank) -> bool {
        self.front.is_some_and(|front| front <= bound)
    }
}

#[cfg(test)]
mod tests {
    use platform_core::{Sources, TenantId, Timestamp};
    use proptest::prelude::*;

    use super::*;
    use crate::{AccountId, Quantity};

    /// An order that works, or a stop that waits.
    fn order(sources: &Sources, (is_stop, is_buy, price): (bool, bool, u8)) -> OpenOrder {
        let price = Price::from_e4(i64::from(price) * 100).unwrap();
        let waits = if is_stop {
            Waits::ForStop {
                stop: price,
                opens_at: None,
            }
        } else {
            Waits::No
        };
        OpenOrder {
            tenant: TenantId::generate(sources),
            account: AccountId::generate(sources),
            id: OrderId::generate(sources),
            symbol: "AAPL".parse().unwrap(),
            side: if is_buy { Side::Buy } else { Side::Sell },
            waits,
            worst_price: Some(price),
            leaves: Quantity::ZERO,
            last_quote_seq: 0,
            queued_at: Timestamp::UNIX_EPOCH,
            expires_at: None,
            version: 1,
        }
    }

    proptest! {
        #[test]
        fn a_quote_meets_a_book_where_it_fills_or_elects_an_order_of_it(
            orders in prop::collection::vec((any::<bool>(), any::<bool>(), 1_u8..8), 0..12),
            leave in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
            (bid, spread, last) in (1_u8..8, 0_u8..2, 1_u8..8),
        ) {
            let sources = Sources::system();
            let mut orders: Vec<OpenOrder> = orders.into_iter().map(|of| order(&sources, of)).collect();
            let mut book = Book::default();
            orders.iter().for_each(|open| book.insert(open));
            for at in leave {
                if !orders.is_empty() {
                    book.remove(&orders.remove(at.index(orders.len())));
                }
            }

            let price = |units: u8| Price::from_e4(i64::from(units) * 100).unwrap();
            let quote = QuoteView {
                seq: 1,
                bid: price(bid),
                ask: price(bid + spread),
                last: price(last),
                bid_size: Quantity::ZERO,
                ask_size: Quantity::ZERO,
            };
            for trigger in [Trigger::Last, Trigger::Quote] {
                let fills = book.marketable((quote.bid, quote.ask), 1).next();
                let elects = book.elected(trigger, &quote).next();
                prop_assert_eq!(book.is_met_by(trigger, &quote), fills.is_some() || elects.is_some());
            }
        }
    }
}
