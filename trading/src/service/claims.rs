//! Displayed sizes of a market that several instances share, each sold once over all of them.
//!
//! Every instance has the same quotes, and each gives a displayed share of its own board to one order only. That another instance gives it
//! away too is prevented by the rows of `trading.displayed`: a transaction that fills orders locks the rows of their symbols, grants no more
//! than they leave of the quote, and writes what it has taken. When it is rolled back nothing was taken. A quote that is newer than a row's
//! begins anew; nothing is taken of an older one any more.
//!
//! # The order of locks
//!
//! - A transaction for many orders locks the rows of all symbols that it may fill **first**, in the order of the symbols, and takes accounts
//!   afterwards, passing over those that somebody else has locked. So it never waits for an account while it holds a row.
//! - A transaction for one order waits for its account first and for the row of its symbol then, and for nothing after that that anybody who
//!   holds such a row waits with.
//!
//! The rows are made beforehand in a transaction of their own: one that had to make a row in the middle of the others would lock it out of
//! their order.

use std::collections::{BTreeMap, BTreeSet};

use platform_core::pg::TenantTx;
use platform_core::{RequestContext, Timestamp};

use super::meeting::{Met, Wanted};
use super::{Trading, TradingError};
use crate::store::{self, DisplayedRow};
use crate::{Event, Liquidity, Market, Quantity, Quote, Reservation, Side, Symbol};

/// What a transaction may take of the displayed sizes, and what it has.
pub(super) enum Claims {
    /// Nobody shares the market, or there is no end of it.
    Unneeded,
    /// Of these symbols, whose rows are locked.
    Of(BTreeMap<Symbol, Claimed>),
}

/// The row of a symbol as the transaction leaves it.
pub(super) struct Claimed {
    row: DisplayedRow,
    has_taken: bool,
}

/// An order may take of a symbol whose row was not locked.
pub(super) struct Unclaimed;

impl Trading {
    /// Whether what orders take of displayed sizes is claimed.
    pub(super) fn shares_displayed_sizes(&self) -> bool {
        self.inner.config.shared_market && self.inner.board.liquidity() == Liquidity::Displayed
    }

    /// Makes the rows of all symbols, once for each process. To be called before the transaction that needs them.
    pub(super) async fn prepare_claims(&self, ctx: &RequestContext) -> Result<(), TradingError> {
        if !self.shares_displayed_sizes() {
            return Ok(());
        }
        let made = self.inner.claimable.get_or_try_init(|| async {
            let symbols = self.inner.board.instruments().iter();
            let symbols: Vec<Symbol> = symbols.map(|instrument| instrument.symbol).collect();
            let mut group = self.inner.db.begin_group(ctx).await?;
            store::make_displayed(group.of(ctx).await?, &symbols).await?;
            Ok(group.commit().await?)
        });
        made.await.copied()
    }

    /// Locks the rows of these symbols.
    pub(super) async fn claim(
        &self,
        tx: &mut TenantTx,
        symbols: BTreeSet<Symbol>,
    ) -> Result<Claims, TradingError> {
        if !self.shares_displayed_sizes() {
            return Ok(Claims::Unneeded);
        }
        if symbols.is_empty() {
            return Ok(Claims::Of(BTreeMap::new()));
        }
        let symbols: Vec<Symbol> = symbols.into_iter().collect();
        let rows = store::lock_displayed(tx, &symbols).await?;
        if rows.len() != symbols.len() {
            // Somebody has taken a row away. Nothing is sold without one.
            return Err(TradingError::Db(sqlx::Error::RowNotFound.into()));
        }
        let furthest = self.now() + self.inner.board.stale_after();
        let claimed = rows.into_iter().map(|row| {
            let row = row.unless_beyond(furthest);
            let has_taken = false;
            (row.symbol, Claimed { row, has_taken })
        });
        Ok(Claims::Of(claimed.collect()))
    }

    /// The symbol of which an order would take something now; `None` also where nothing has to be claimed for that.
    pub(super) fn would_take(&self, wanted: &Wanted<'_>, now: Timestamp) -> Option<Symbol> {
        if !self.shares_displayed_sizes() {
            return None;
        }
        match self.look(wanted, now) {
            Some(Market::Open { offered, .. }) if !offered.is_zero() => Some(wanted.terms.symbol()),
            _ => None,
        }
    }

    /// The market for the one order of a transaction that holds its account, with the row of its symbol locked where it takes something.
    /// `None` where nothing with the symbol is quoted.
    pub(super) async fn meet_alone(
        &self,
        tx: &mut TenantTx,
        wanted: &Wanted<'_>,
    ) -> Result<Option<(Met, Claims)>, TradingError> {
        let mut takes = self.would_take(wanted, self.now());
        loop {
            let mut claims = self.claim(tx, takes.into_iter().collect()).await?;
            // By now the row may have been waited for.
            match self.meet_within(wanted, self.now(), &mut claims) {
                Ok(met) => return Ok(met.map(|met| (met, claims))),
                // There was a quote to take of in between. With its row locked this does not come again.
                Err(Unclaimed) => takes = Some(wanted.terms.symbol()),
            }
        }
    }
}

impl Claims {
    /// Grants of what is set aside for an order what nobody else has taken. What is not granted is not given back to the quote: it is sold.
    pub(super) fn grant(&mut self, reservation: &mut Reservation) -> Result<Quantity, Unclaimed> {
        let Self::Of(claimed) = self else {
            return Ok(reservation.granted());
        };
        if reservation.granted().is_zero() {
            return Ok(Quantity::ZERO);
        }
        let symbol = reservation.quote().symbol;
        let claimed = claimed.get_mut(&symbol).ok_or(Unclaimed)?;
        let left = claimed.left(reservation.quote(), reservation.side());
        reservation.keep(left);
        Ok(reservation.granted())
    }

    /// The same for several orders, of which the first has the first choice. Without a row of its symbol an order is granted nothing.
    pub(super) fn share_out<'a>(&mut self, reservations: impl Iterator<Item = &'a mut Reservation>) {
        let Self::Of(claimed) = self else { return };
        let mut shared: BTreeMap<(Symbol, u64, bool), Quantity> = BTreeMap::new();
        for reservation in reservations {
            let (quote, side) = (reservation.quote(), reservation.side());
            let shared = shared
                .entry((quote.symbol, quote.seq, side == Side::Buy))
                .or_insert(Quantity::ZERO);
            let left = claimed
                .get_mut(&quote.symbol)
                .map(|claimed| claimed.left(quote, side));
            let left = left.and_then(|left| left.checked_sub(*shared));
            reservation.keep(left.unwrap_or(Quantity::ZERO));
            *shared = shared.checked_add(reservation.granted()).unwrap_or(Quantity::MAX);
        }
    }

    /// What an order has traded is taken.
    pub(super) fn take(&mut self, reservation: &Reservation, events: &[Event]) {
        let Self::Of(claimed) = self else { return };
        let Some(execution) = events.iter().find_map(Event::execution) else {
            return;
        };
        if let Some(claimed) = claimed.get_mut(&execution.symbol) {
            claimed.take(reservation.quote(), execution.side, execution.quantity);
        }
    }

    /// Writes what was taken: one statement, or none.
    pub(super) async fn write(&self, tx: &mut TenantTx) -> Result<(), TradingError> {
        let Self::Of(claimed) = self else {
            return Ok(());
        };
        let taken = claimed.values().filter(|claimed| claimed.has_taken);
        let taken: Vec<DisplayedRow> = taken.map(|claimed| claimed.row).collect();
        if taken.is_empty() {
            return Ok(());
        }
        Ok(store::write_displayed(tx, &taken).await?)
    }
}

impl Claimed {
    /// What is left of a quote.
    fn left(&mut self, quote: &Quote, side: Side) -> Quantity {
        let Some(size) = self.turn_to(quote, side) else {
            return Quantity::ZERO;
        };
        size.checked_sub(*self.taken(side)).unwrap_or(Quantity::ZERO)
    }

    fn take(&mut self, quote: &Quote, side: Side, traded: Quantity) {
        self.has_taken = true;
        // Of a quote that a newer one has replaced since, nobody takes anything any more.
        if self.turn_to(quote, side).is_some() {
            let taken = self.taken(side);
            *taken = taken.checked_add(traded).unwrap_or(Quantity::MAX);
        }
    }

    /// The size that a quote displays, which is what the row counts from now on; `None` when it counts a newer one.
    fn turn_to(&mut self, quote: &Quote, side: Side) -> Option<Quantity> {
        let seq = i64::try_from(quote.seq).ok()?;
        if seq < self.row.quote_seq {
            return None;
        }
        if seq > self.row.quote_seq {
            self.row = DisplayedRow {
                quote_seq: seq,
                bid_taken: Quantity::ZERO,
                ask_taken: Quantity::ZERO,
                ..self.row
            };
        }
        Some(match side {
            Side::Buy => quote.ask_size,
            Side::Sell => quote.bid_size,
        })
    }

    fn taken(&mut self, side: Side) -> &mut Quantity {
        match side {
            Side::Buy => &mut self.row.ask_taken,
            Side::Sell => &mut self.row.bid_taken,
        }
    }
}
