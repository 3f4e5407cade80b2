//! Each displayed share goes to one taker.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use platform_core::Timestamp;

use super::{PublishedQuote, Quote};
use crate::{Price, Quantity, Side, Symbol};

/// How many shares a quote can fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Liquidity {
    /// The displayed sizes, once each: the ask size to buyers, the bid size to sellers.
    #[default]
    Displayed,
    /// Whatever is asked for.
    Unlimited,
}

/// What to take from the current quote of a symbol.
#[derive(Debug, Clone, Copy)]
pub struct TakeRequest {
    /// The symbol.
    pub symbol: Symbol,
    /// A buyer takes from the ask, a seller from the bid.
    pub side: Side,
    /// How many shares at most.
    pub wanted: Quantity,
    /// The worst price the taker accepts, itself included: the highest of a buyer, the lowest of a seller. `None` is any price.
    pub limit: Option<Price>,
    /// Take all that is wanted or nothing.
    pub all_or_none: bool,
    /// Take only from a quote with a greater number, the rule for orders that rest: an order never fills on a quote from before it.
    pub newer_than: Option<u64>,
    /// The time that decides whether the quote is stale.
    pub now: Timestamp,
}

/// Why a quote is not one to trade on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotTaken {
    /// The board does not have the symbol.
    #[error("the symbol is not quoted here")]
    UnknownSymbol,
    /// There is no quote yet, or it is too old to trade on.
    #[error("there is no fresh quote")]
    Stale,
    /// The market is closed.
    #[error("the market is closed")]
    Closed,
    /// Trading in the symbol is halted.
    #[error("trading in the symbol is halted")]
    Halted,
    /// The quote is not newer than the request demands. The next one may be.
    #[error("there is no newer quote yet")]
    NotNewer,
    /// The quote's price is worse than the limit.
    #[error("the price is outside the limit")]
    OutsideLimit,
}

impl NotTaken {
    /// Whether nothing can be traded in the symbol now, at whatever price and with whatever order. One that can wait does.
    pub const fn is_unusable(self) -> bool {
        matches!(self, Self::Stale | Self::Closed | Self::Halted)
    }
}

/// The quote to trade on, and the shares of it that are set aside for one taker until it commits.
///
/// Dropping it gives the shares back, provided the same quote is still the current one; a newer quote offers its own sizes.
/// Keep it only across the transaction that makes the trade durable, and commit it too when the outcome of that is unknown.
#[derive(Debug)]
#[must_use = "dropping a reservation gives the shares back"]
pub struct Reservation {
    quote: Arc<PublishedQuote>,
    side: Side,
    granted: Quantity,
    slot: usize,
    offers: Arc<Offers>,
    /// What goes back on drop.
    refund: Quantity,
}

impl Reservation {
    /// The quote the shares come from: the evidence for the trade.
    pub fn quote(&self) -> &Arc<PublishedQuote> {
        &self.quote
    }

    /// How many shares are set aside: at most what was wanted, and zero when others have taken what was displayed.
    pub fn granted(&self) -> Quantity {
        self.granted
    }

    /// Who takes them: a buyer of the ask, a seller of the bid.
    pub(crate) fn side(&self) -> Side {
        self.side
    }

    /// Keeps at most so many of the shares. The others do not go back: somebody else has sold them.
    pub(crate) fn keep(&mut self, at_most: Quantity) {
        self.granted = self.granted.min(at_most);
        self.refund = self.refund.min(at_most);
    }

    /// The price of the trade: the quote's ask for a buyer, its bid for a seller.
    pub fn price(&self) -> Price {
        match self.side {
            Side::Buy => self.quote.ask,
            Side::Sell => self.quote.bid,
        }
    }

    /// The shares are traded.
    pub fn commit(mut self) {
        self.refund = Quantity::ZERO;
    }

    /// `traded` of the shares are traded, the others go back. More than was granted counts as all.
    pub fn commit_part(mut self, traded: Quantity) {
        self.refund = self.granted.checked_sub(traded).unwrap_or(Quantity::ZERO);
    }

    /// The trade did not happen: the shares go back.
    pub fn release(self) {}
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.refund.is_zero() {
            self.offers.give_back(self);
        }
    }
}

/// What is left of the current quotes, slot by slot.
#[derive(Debug)]
pub(super) struct Offers {
    liquidity: Liquidity,
    slots: Vec<Mutex<Option<Offer>>>,
}

#[derive(Debug)]
struct Offer {
    quote: Arc<PublishedQuote>,
    bid_left: Quantity,
    ask_left: Quantity,
}

impl Offers {
    pub(super) fn new(slots: usize, liquidity: Liquidity) -> Self {
        Self {
            liquidity,
            slots: (0..slots).map(|_| Mutex::new(None)).collect(),
        }
    }

    /// Replaces what a slot offers by the sizes of `quote`.
    pub(super) fn offer(&self, slot: usize, quote: &Arc<PublishedQuote>) {
        if let Some(mut offer) = self.lock(slot) {
            *offer = Some(Offer {
                quote: Arc::clone(quote),
                bid_left: quote.bid_size,
                ask_left: quote.ask_size,
            });
        }
    }

    pub(super) fn take(
        this: &Arc<Self>,
        slot: usize,
        request: &TakeRequest,
        is_stale: impl Fn(&Quote) -> bool,
    ) -> Result<Reservation, NotTaken> {
        let mut place = this.lock(slot).ok_or(NotTaken::UnknownSymbol)?;
        let offer = place.as_mut().ok_or(NotTaken::Stale)?;
        let granted = offer.grants(request, this.liquidity, is_stale)?;
        if this.liquidity == Liquidity::Displayed {
            let left = offer.left(request.side);
            *left = left.checked_sub(granted).unwrap_or(Quantity::ZERO);
        }
        Ok(Reservation {
            quote: Arc::clone(&offer.quote),
            side: request.side,
            granted,
            slot,
            offers: Arc::clone(this),
            refund: granted,
        })
    }

    /// The quote and what [`Offers::take`] would grant of it. Nothing is set aside.
    pub(super) fn look(
        &self,
        slot: usize,
        request: &TakeRequest,
        is_stale: impl Fn(&Quote) -> bool,
    ) -> Result<(Arc<PublishedQuote>, Quantity), NotTaken> {
        let mut place = self.lock(slot).ok_or(NotTaken::UnknownSymbol)?;
        let offer = place.as_mut().ok_or(NotTaken::Stale)?;
        let granted = offer.grants(request, self.liquidity, is_stale)?;
        Ok((Arc::clone(&offer.quote), granted))
    }

    fn give_back(&self, reservation: &Reservation) {
        let Some(mut place) = self.lock(reservation.slot) else {
            return;
        };
        let Some(offer) = place.as_mut() else { return };
        if self.liquidity == Liquidity::Displayed && offer.quote.seq == reservation.quote.seq {
            let left = offer.left(reservation.side);
            *left = left.checked_add(reservation.refund).unwrap_or(*left);
        }
    }

    fn lock(&self, slot: usize) -> Option<MutexGuard<'_, Option<Offer>>> {
        let place = self.slots.get(slot)?;
        Some(place.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Offer {
    /// How much of it the request may have.
    fn grants(
        &mut self,
        request: &TakeRequest,
        liquidity: Liquidity,
        is_stale: impl Fn(&Quote) -> bool,
    ) -> Result<Quantity, NotTaken> {
        if self.quote.halted {
            return Err(NotTaken::Halted);
        }
        if is_stale(&self.quote) {
            return Err(NotTaken::Stale);
        }
        if request.newer_than.is_some_and(|seq| self.quote.seq <= seq) {
            return Err(NotTaken::NotNewer);
        }
        if !self.is_within(request.side, request.limit) {
            return Err(NotTaken::OutsideLimit);
        }
        let granted = match liquidity {
            Liquidity::Unlimited => request.wanted,
            Liquidity::Displayed => request.wanted.min(*self.left(request.side)),
        };
        if request.all_or_none && granted < request.wanted {
            Ok(Quantity::ZERO)
        } else {
            Ok(granted)
        }
    }

    fn left(&mut self, side: Side) -> &mut Quantity {
        match side {
            Side::Buy => &mut self.ask_left,
            Side::Sell => &mut self.bid_left,
        }
    }

    fn is_within(&self, side: Side, limit: Option<Price>) -> bool {
        limit.is_none_or(|limit| match side {
            Side::Buy => self.quote.ask <= limit,
            Side::Sell => self.quote.bid >= limit,
        })
    }
}
