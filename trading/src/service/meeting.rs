//! The market that an order meets when it is placed or changed.

use platform_core::Timestamp;

use super::Trading;
use super::claims::{Claims, Unclaimed};
use super::draft::view;
use crate::{Market, NotTaken, OrderTerms, Price, Quantity, Reservation, TakeRequest, TimeInForce};

/// The market that an order meets, and the shares of its quote that were set aside for it.
pub(super) struct Met {
    pub(super) market: Market,
    pub(super) reservation: Option<Reservation>,
}

/// What an order could take from the current quote.
pub(super) struct Wanted<'a> {
    pub(super) terms: &'a OrderTerms,
    pub(super) quantity: Quantity,
    /// The worst price it accepts; `None` is any.
    pub(super) limit: Option<Price>,
    /// It takes nothing of this quote or of one before.
    pub(super) newer_than: Option<u64>,
}

impl<'a> Wanted<'a> {
    /// All of a new order, at its limit or at any price.
    pub(super) const fn by_new(terms: &'a OrderTerms) -> Self {
        Self {
            terms,
            quantity: terms.quantity(),
            limit: terms.pricing().limit_price(),
            newer_than: None,
        }
    }

    fn request(&self, now: Timestamp) -> TakeRequest {
        TakeRequest {
            symbol: self.terms.symbol(),
            side: self.terms.side(),
            wanted: self.quantity,
            limit: self.limit,
            all_or_none: self.terms.time_in_force() == TimeInForce::Fok,
            newer_than: self.newer_than,
            now,
        }
    }
}

impl Met {
    /// For an order that takes nothing.
    pub(super) const fn without_shares(market: Market) -> Self {
        Self {
            market,
            reservation: None,
        }
    }
}

impl Trading {
    /// The market now, with what a transaction that has made these claims can take of it. `None` where nothing with the symbol is quoted.
    pub(super) fn meet_within(
        &self,
        wanted: &Wanted<'_>,
        now: Timestamp,
        claims: &mut Claims,
    ) -> Result<Option<Met>, Unclaimed> {
        if self.is_closed(now) {
            return Ok(Some(Met::without_shares(self.closed(wanted))));
        }
        match self.inner.board.take(&wanted.request(now)) {
            Ok(mut reservation) => {
                let offered = claims.grant(&mut reservation)?;
                let market = Market::Open {
                    quote: view(reservation.quote()),
                    offered,
                };
                Ok(Some(Met {
                    market,
                    reservation: Some(reservation),
                }))
            }
            Err(refused) => Ok(self.without_shares(wanted, refused).map(Met::without_shares)),
        }
    }

    /// The market now, and nothing is set aside: for an order that takes nothing yet, or is not meant to.
    pub(super) fn look(&self, wanted: &Wanted<'_>, now: Timestamp) -> Option<Market> {
        if self.is_closed(now) {
            return Some(self.closed(wanted));
        }
        match self.inner.board.look(&wanted.request(now)) {
            Ok((quote, offered)) => Some(Market::Open {
                quote: view(&quote),
                offered,
            }),
            Err(refused) => self.without_shares(wanted, refused),
        }
    }

    /// Whether no session is on.
    pub(super) fn is_closed(&self, at: Timestamp) -> bool {
        self.inner.config.calendar.session_at(at).is_none()
    }

    fn closed(&self, wanted: &Wanted<'_>) -> Market {
        let newest = self.inner.board.latest(wanted.terms.symbol());
        Market::Closed {
            newest: newest.as_deref().map(view),
        }
    }

    fn without_shares(&self, wanted: &Wanted<'_>, refused: NotTaken) -> Option<Market> {
        let newest = self.inner.board.latest(wanted.terms.symbol());
        match (refused, newest) {
            (NotTaken::UnknownSymbol, _) => None,
            (NotTaken::NotNewer | NotTaken::OutsideLimit, Some(newest)) => Some(Market::Open {
                quote: view(&newest),
                offered: Quantity::ZERO,
            }),
            // Stale, or none at all.
            (_, newest) => Some(Market::Unusable {
                seq: newest.map_or(0, |quote| quote.seq),
            }),
        }
    }
}
