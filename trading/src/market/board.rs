//! The current quote of every symbol.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use platform_core::Timestamp;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::watch;

use super::liquidity::{Liquidity, Offers};
use super::snapshot::{Snapshot, Universe};
use super::{
    BarRecorder, Calendar, Instrument, NotTaken, PublishedQuote, Quote, QuoteStream, QuoteUpdate,
    Reservation, TakeRequest,
};
use crate::{Quantity, Symbol};

/// The rules of a [`QuoteBoard`].
#[derive(Debug, Clone)]
pub struct BoardConfig {
    /// How old a quote may be and still be traded on. Five seconds by default.
    pub stale_after: Duration,
    /// How many shares a quote can fill. What it displays, by default.
    pub liquidity: Liquidity,
}

impl Default for BoardConfig {
    fn default() -> Self {
        Self {
            stale_after: Duration::from_secs(5),
            liquidity: Liquidity::Displayed,
        }
    }
}

/// The current quote of every symbol and what is left of its displayed sizes. Cheap to clone; clones share one board.
///
/// The symbols are fixed when the board is made. Reading never waits for a publisher longer than a pointer takes to swap.
///
/// ```
/// use std::time::Duration;
/// use time::macros::datetime;
/// use trading::{BoardConfig, MarketFeed, QuoteBoard, SimulatorConfig};
///
/// let opened = datetime!(2026-01-02 15:00 UTC);
/// let mut feed = MarketFeed::simulated(SimulatorConfig::default());
/// let board = QuoteBoard::new(feed.instruments(), BoardConfig::default());
/// board.publish(opened, feed.advance(opened));
///
/// let quote = board.latest("MSFT".parse()?).ok_or("not quoted")?;
/// assert!(!board.is_stale(&quote, opened + Duration::from_secs(5)));
/// assert!(board.is_stale(&quote, opened + Duration::from_secs(6)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct QuoteBoard {
    pub(super) inner: Arc<Inner>,
    calendar: Calendar,
}

#[derive(Debug)]
pub(super) struct Inner {
    config: BoardConfig,
    pub(super) universe: Arc<Universe>,
    offers: Arc<Offers>,
    /// Held by a publisher while it numbers a batch, so that numbers appear in order.
    publishing: Mutex<Publishing>,
    current: watch::Sender<Arc<Snapshot>>,
    updates: Counter,
    gaps: Counter,
    pub(super) bars: Mutex<BarRecorder>,
}

/// What decides about the next batch.
#[derive(Debug, Default)]
pub(super) struct Publishing {
    /// The slots in which trading is halted.
    pub(super) halted: BTreeSet<usize>,
    /// When the last batch was published.
    last_at: Option<Timestamp>,
}

impl QuoteBoard {
    /// A board for `instruments` without a quote yet. Of two instruments with one symbol the first counts.
    pub fn new(instruments: Vec<Instrument>, config: BoardConfig) -> Self {
        let universe = Arc::new(Universe::new(instruments));
        let count = universe.instruments.len();
        Self {
            calendar: Calendar::AlwaysOpen,
            inner: Arc::new(Inner {
                offers: Arc::new(Offers::new(count, config.liquidity)),
                config,
                universe,
                publishing: Mutex::default(),
                current: watch::Sender::new(Arc::new(Snapshot::empty(count))),
                updates: Counter::default(),
                gaps: Counter::default(),
                bars: Mutex::new(BarRecorder::new(count)),
            }),
        }
    }

    /// The same board for whoever trades in the sessions of `calendar`: outside of them nothing is taken. Other handles of the board
    /// keep theirs.
    #[must_use]
    pub fn in_sessions_of(&self, calendar: Calendar) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            calendar,
        }
    }

    /// When there is trading: all the time, unless this handle was told otherwise.
    pub fn calendar(&self) -> Calendar {
        self.calendar
    }

    /// Every instrument, in the order of the symbols.
    pub fn instruments(&self) -> &[Instrument] {
        &self.inner.universe.instruments
    }

    /// The instrument of a symbol.
    pub fn instrument(&self, symbol: Symbol) -> Option<&Instrument> {
        let slot = self.inner.universe.slot(symbol)?;
        self.inner.universe.instruments.get(slot)
    }

    /// Numbers the updates in their order, makes them current, offers their sizes anew and wakes the streams. Tells how many were
    /// published: an update for a symbol that is not on the board, or in which trading is halted, is left out.
    ///
    /// A number is at least the microseconds of `at` since 1970, so numbers also grow from one run of a service to the next.
    pub fn publish(&self, at: Timestamp, updates: Vec<QuoteUpdate>) -> usize {
        let mut publishing = self.publishing();
        let mut next = Snapshot::after(&self.snapshot());
        for update in updates {
            let Some(slot) = self.inner.universe.slot(update.symbol) else {
                tracing::debug!(symbol = %update.symbol, "left out a quote of a symbol that is not on the board");
                continue;
            };
            let mut quote = update.published(at);
            quote.halted = publishing.halted.contains(&slot);
            // After a restart there is a price to show, though not to trade on.
            if quote.halted && next.quotes.get(slot).is_some_and(Option::is_some) {
                continue;
            }
            self.number(&mut quote, &mut next);
            self.put(slot, quote, &mut next);
        }
        self.note(&mut publishing, &next, at);
        self.make_current(next)
    }

    /// Records a batch in the bars, and whether there was a gap before it.
    pub(super) fn note(&self, publishing: &mut Publishing, next: &Snapshot, at: Timestamp) {
        if next.published == 0 {
            return;
        }
        let silent = publishing.last_at.replace(at).filter(|last| {
            let session = |at| self.calendar.session_at(at);
            at - *last > self.inner.config.stale_after && session(*last) == session(at)
        });
        if silent.is_some() {
            self.inner.gaps.inc();
        }
        let mut recorder = self.recorder();
        for (slot, quote) in next.batch().filter(|(_, quote)| !quote.halted) {
            recorder.record(slot, quote);
        }
    }

    /// Gives a quote the next number.
    pub(super) fn number(&self, quote: &mut Quote, next: &mut Snapshot) {
        let clock_us = u64::try_from(quote.at.unix_timestamp_nanos() / 1_000).unwrap_or(0);
        quote.seq = clock_us.max(next.seq + 1);
    }

    /// Adds a numbered quote to a batch and offers its sizes.
    pub(super) fn put(&self, slot: usize, quote: Quote, next: &mut Snapshot) {
        let quote = Arc::new(PublishedQuote::new(quote));
        self.inner.offers.offer(slot, &quote);
        next.set(slot, quote);
    }

    /// Makes a batch current and tells how many quotes it has. The caller holds the publisher's lock.
    pub(super) fn make_current(&self, next: Snapshot) -> usize {
        let published = next.published;
        if published > 0 {
            self.inner
                .updates
                .inc_by(u64::try_from(published).unwrap_or(u64::MAX));
            self.inner.current.send_replace(Arc::new(next));
        }
        published
    }

    pub(super) fn publishing(&self) -> MutexGuard<'_, Publishing> {
        self.inner
            .publishing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The current quote of a symbol, however old. `None` when the symbol is unknown or has no quote yet.
    pub fn latest(&self, symbol: Symbol) -> Option<Arc<PublishedQuote>> {
        let slot = self.inner.universe.slot(symbol)?;
        self.snapshot().quotes.get(slot)?.clone()
    }

    /// The current quotes of all symbols that have one, of one moment, in the order of the symbols.
    pub fn all(&self) -> Vec<Arc<PublishedQuote>> {
        self.snapshot().quotes.iter().flatten().cloned().collect()
    }

    /// Whether `quote` is too old at `now` to be traded on: published longer ago than the board's `stale_after`.
    pub fn is_stale(&self, quote: &Quote, now: Timestamp) -> bool {
        now - quote.at > self.inner.config.stale_after
    }

    /// How long a quote can be traded on.
    pub fn stale_after(&self) -> Duration {
        self.inner.config.stale_after
    }

    /// How many shares a quote can fill.
    pub fn liquidity(&self) -> Liquidity {
        self.inner.config.liquidity
    }

    /// Sets shares of the current quote of a symbol aside: what is wanted, as far as its displayed size still has it. Nothing is
    /// left for others to take of that until the reservation is dropped.
    ///
    /// # Errors
    /// [`NotTaken`] when the quote is not one to trade on for this request.
    pub fn take(&self, request: &TakeRequest) -> Result<Reservation, NotTaken> {
        let slot = self
            .inner
            .universe
            .slot(request.symbol)
            .ok_or(NotTaken::UnknownSymbol)?;
        if self.calendar.session_at(request.now).is_none() {
            return Err(NotTaken::Closed);
        }
        Offers::take(&self.inner.offers, slot, request, |quote| {
            self.is_stale(quote, request.now)
        })
    }

    /// The current quote of a symbol, and how many of its shares [`QuoteBoard::take`] would set aside for the request now. None are
    /// set aside, so that others may have them a moment later.
    ///
    /// # Errors
    /// [`NotTaken`] when the quote is not one to trade on for this request.
    pub fn look(&self, request: &TakeRequest) -> Result<(Arc<PublishedQuote>, Quantity), NotTaken> {
        let slot = self
            .inner
            .universe
            .slot(request.symbol)
            .ok_or(NotTaken::UnknownSymbol)?;
        self.inner
            .offers
            .look(slot, request, |quote| self.is_stale(quote, request.now))
    }

    /// A stream without symbols. Add those it shall tell of.
    pub fn subscribe(&self) -> QuoteStream {
        QuoteStream::new(Arc::clone(&self.inner.universe), self.inner.current.subscribe())
    }

    /// A stream of every symbol that starts with the current quotes: what an engine that matches orders listens to.
    pub fn subscribe_all(&self) -> QuoteStream {
        let mut stream = self.subscribe();
        stream.add_all();
        stream
    }

    pub(super) fn gaps(&self) -> Counter {
        self.inner.gaps.clone()
    }

    pub(super) fn updates(&self) -> Counter {
        self.inner.updates.clone()
    }

    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.inner.current.borrow())
    }
}
