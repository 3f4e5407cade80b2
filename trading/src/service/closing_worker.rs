//! The task that keeps what accounts were worth as sessions close.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use platform_core::Timestamp;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::snapshots::{ClosingPrice, last_close};
use super::{Trading, TradingError};
use crate::{PublishedQuote, Symbol};

/// How often it is looked whether a session has closed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long an instance that does not lead leaves a close to the one that does.
const LEADER_FIRST: Duration = Duration::from_secs(30);

/// Keeps, as each session closes, the last price of every symbol and what each account had and was worth.
///
/// Runs beside the matcher on every instance: of several the first one keeps. A service that was down at a close does it when it starts,
/// with what the ledger says of the close and the first prices it has; of several closes that it missed, it does the last.
#[derive(Debug)]
pub struct ClosingWorker {
    trading: Trading,
    /// The newest price of each symbol that was noted.
    prices: HashMap<Symbol, ClosingPrice>,
    /// Prices of after a close that another instance is to deal with.
    later: HashMap<Symbol, ClosingPrice>,
    /// Until when `prices` are those of before a close.
    session_close: Timestamp,
    /// The last close that was dealt with.
    done: Option<Timestamp>,
    /// Whether this instance leads; one that is alone always does.
    leading: Option<watch::Receiver<bool>>,
}

impl ClosingWorker {
    /// A worker for the accounts of this brokerage.
    pub fn new(trading: &Trading) -> Self {
        let session_close = trading.inner.config.calendar.session_from(trading.now()).close;
        Self {
            trading: trading.clone(),
            prices: HashMap::new(),
            later: HashMap::new(),
            session_close,
            done: None,
            leading: None,
        }
    }

    /// Leaves each close to the leader of the instances that share a market for half a minute, because its prices are the newest there
    /// are. Afterwards this instance does what it has not done.
    #[must_use]
    pub fn while_leading(mut self, leading: watch::Receiver<bool>) -> Self {
        self.leading = Some(leading);
        self
    }

    /// Works until `stop` is cancelled. Cancel-safe: what was kept stays kept, and the rest is done by whoever starts next.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails; run it again, it still has the prices of before the close.
    pub async fn run(&mut self, stop: CancellationToken) -> Result<(), TradingError> {
        stop.run_until_cancelled(self.work()).await.unwrap_or(Ok(()))
    }

    async fn work(&mut self) -> Result<(), TradingError> {
        let mut quotes = self.trading.board().subscribe_all();
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = looks.tick() => {
                    self.close_if_due().await?;
                }
                batch = quotes.next() => {
                    let Some(batch) = batch else { return Ok(()) };
                    self.meet(batch.quotes()).await?;
                }
            }
        }
    }

    /// Takes note of quotes in their order. The first one of after a close closes the session first.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails.
    pub async fn meet(&mut self, quotes: &[Arc<PublishedQuote>]) -> Result<(), TradingError> {
        for quote in quotes {
            if quote.at >= self.session_close {
                self.close_if_due().await?;
            }
            let price = ClosingPrice {
                symbol: quote.symbol,
                price: quote.last,
                quote_seq: i64::try_from(quote.seq).unwrap_or(i64::MAX),
            };
            let is_later = quote.at >= self.session_close && self.is_left_to_leader(self.session_close);
            let prices = match is_later {
                true => &mut self.later,
                false => &mut self.prices,
            };
            prices.insert(quote.symbol, price);
        }
        Ok(())
    }

    fn is_left_to_leader(&self, close: Timestamp) -> bool {
        let follows = self.leading.as_ref().is_some_and(|leading| !*leading.borrow());
        follows && self.trading.now() - close < LEADER_FIRST
    }

    /// Closes the last session that is over, unless that was done. Tells how many accounts were kept.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails; the next call does it again.
    pub async fn close_if_due(&mut self) -> Result<u64, TradingError> {
        let now = self.trading.now();
        let calendar = self.trading.inner.config.calendar;
        let Some(close) = last_close(calendar, now).filter(|close| self.done != Some(*close)) else {
            return Ok(0);
        };
        if self.is_left_to_leader(close) {
            return Ok(0);
        }
        // Without a price everything would count at its cost, though the market is only about to start.
        if self.prices.is_empty() && !self.trading.board().instruments().is_empty() {
            return Ok(0);
        }
        let prices: Vec<ClosingPrice> = self.prices.values().copied().collect();
        let closed = self.trading.close_session(close, &prices).await?;
        self.done = Some(close);
        self.session_close = calendar.session_from(now).close;
        self.prices.extend(std::mem::take(&mut self.later));
        if closed > 0 {
            tracing::info!(accounts = closed, "closed the session of {closed} accounts");
        }
        Ok(closed)
    }
}
