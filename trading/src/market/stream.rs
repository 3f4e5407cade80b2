//! Quotes for many listeners, of whom a slow one costs nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::PublishedQuote;
use super::snapshot::{Snapshot, Universe, json_array};
use crate::Symbol;

/// The newest quotes of chosen symbols, as they are published.
///
/// A stream holds no queue. A listener that comes late gets the newest quote of each symbol and not those between, so it never
/// makes memory grow and never delays the publisher. It keeps working when the clones of the board are dropped, and then ends.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use time::macros::datetime;
/// use trading::{BoardConfig, MarketFeed, QuoteBoard, SimulatorConfig};
///
/// let mut feed = MarketFeed::simulated(SimulatorConfig::default());
/// let board = QuoteBoard::new(feed.instruments(), BoardConfig::default());
/// let mut stream = board.subscribe();
/// stream.add("TSLA".parse()?);
///
/// let now = datetime!(2026-01-02 15:00 UTC);
/// board.publish(now, feed.advance(now));
///
/// let batch = stream.next().await.ok_or("the board is gone")?;
/// assert_eq!(batch.quotes().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct QuoteStream {
    universe: Arc<Universe>,
    current: watch::Receiver<Arc<Snapshot>>,
    /// Slot of each chosen symbol, with the number of the quote that was told last.
    chosen: BTreeMap<usize, u64>,
    /// Version of the snapshot that was told last; 0 when symbols were chosen since.
    told_version: u64,
}

impl QuoteStream {
    pub(super) fn new(universe: Arc<Universe>, current: watch::Receiver<Arc<Snapshot>>) -> Self {
        Self {
            universe,
            current,
            chosen: BTreeMap::new(),
            told_version: 0,
        }
    }

    /// Adds a symbol, whose current quote comes with the next batch at once. `false` when the board does not have it.
    pub fn add(&mut self, symbol: Symbol) -> bool {
        let Some(slot) = self.universe.slot(symbol) else {
            return false;
        };
        self.chosen.insert(slot, 0);
        self.told_version = 0;
        true
    }

    /// Adds every symbol of the board.
    pub fn add_all(&mut self) {
        self.chosen = (0..self.universe.instruments.len())
            .map(|slot| (slot, 0))
            .collect();
        self.told_version = 0;
    }

    /// Leaves a symbol out from now on.
    pub fn remove(&mut self, symbol: Symbol) {
        if let Some(slot) = self.universe.slot(symbol) {
            self.chosen.remove(&slot);
        }
    }

    /// Leaves every symbol out.
    pub fn clear(&mut self) {
        self.chosen.clear();
    }

    /// The chosen symbols, in their order.
    pub fn symbols(&self) -> impl Iterator<Item = Symbol> {
        let instruments = &self.universe.instruments;
        self.chosen
            .keys()
            .filter_map(|slot| instruments.get(*slot))
            .map(|instrument| instrument.symbol)
    }

    /// Waits for quotes that this stream has not told yet, the newest of each symbol. `None` when the board is gone.
    ///
    /// Cancel-safe: a dropped call has lost nothing. Limit the wait where silence means something is wrong.
    pub async fn next(&mut self) -> Option<QuoteBatch> {
        loop {
            if self.told_version != 0 {
                self.current.changed().await.ok()?;
            }
            if let Some(batch) = self.unheard() {
                return Some(batch);
            }
        }
    }

    fn unheard(&mut self) -> Option<QuoteBatch> {
        let snapshot = Arc::clone(&self.current.borrow_and_update());
        let told_version = std::mem::replace(&mut self.told_version, snapshot.version);
        let mut quotes = Vec::new();
        for (slot, told) in &mut self.chosen {
            if let Some(Some(quote)) = snapshot.quotes.get(*slot)
                && quote.seq > *told
            {
                *told = quote.seq;
                quotes.push(Arc::clone(quote));
            }
        }
        if quotes.is_empty() {
            return None;
        }
        let hears_all = self.chosen.len() == self.universe.instruments.len();
        let is_last_batch = hears_all && told_version != 0 && told_version + 1 == snapshot.version;
        Some(QuoteBatch {
            quotes,
            shared: is_last_batch.then_some(snapshot),
        })
    }
}

/// Quotes that a stream tells at once, at most one for each symbol, in the order of the symbols.
#[derive(Debug, Clone)]
pub struct QuoteBatch {
    quotes: Vec<Arc<PublishedQuote>>,
    /// The snapshot whose last batch these quotes are.
    shared: Option<Arc<Snapshot>>,
}

impl QuoteBatch {
    /// The quotes; at least one.
    pub fn quotes(&self) -> &[Arc<PublishedQuote>] {
        &self.quotes
    }

    /// The quotes as a JSON array.
    ///
    /// The JSON of a quote is written once for all streams, and so is the array of those that hear everything and keep up.
    pub fn to_json(&self) -> Arc<str> {
        match &self.shared {
            Some(snapshot) => snapshot.batch_json(),
            None => json_array(self.quotes.iter()).into(),
        }
    }
}
