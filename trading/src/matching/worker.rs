//! The tasks that keep resting orders and old keys moving.

use std::time::Duration;

use platform_core::error_chain;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::OpenOrder;
use crate::service::{Attempt, Trading, TradingError, Tried};
use crate::{PublishedQuote, Symbol};

/// Orders of one symbol and side that are tried on one quote; the rest waits for the next.
const TRIES_PER_QUOTE: usize = 1_000;
/// Orders that are ended in one round.
const ENDINGS_PER_ROUND: usize = 1_000;
/// Orders that are tried in one transaction.
const ORDERS_PER_TRANSACTION: usize = 256;
/// How often the rows are read anew, for orders of other processes.
const RECONCILE_EVERY: Duration = Duration::from_secs(60);

/// Fills resting orders as quotes come, and ends those whose time is over.
#[derive(Debug, Clone)]
pub struct MatchingWorker {
    pub(super) trading: Trading,
}

impl MatchingWorker {
    /// A worker for the orders of this brokerage.
    pub fn new(trading: &Trading) -> Self {
        Self {
            trading: trading.clone(),
        }
    }

    /// Works until `stop` is cancelled. Loads the open orders first.
    ///
    /// Cancel-safe: fills are carried out in transactions, each of which is rolled back where it is dropped and runs to its end where
    /// its commit has begun.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails; start it again, it loads the open orders anew.
    pub async fn run(self, stop: CancellationToken) -> Result<(), TradingError> {
        stop.run_until_cancelled(self.work()).await.unwrap_or(Ok(()))
    }

    async fn work(&self) -> Result<(), TradingError> {
        let open_orders = &self.trading.inner.open_orders;
        let mut quotes = self.trading.board().subscribe_all();
        let mut loaded = false;
        let mut reconcile = interval(RECONCILE_EVERY);
        reconcile.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = reconcile.tick() => {
                    if std::mem::replace(&mut loaded, true) {
                        self.reconcile().await?;
                    } else {
                        self.load().await?;
                    }
                    // Also where no quote comes any more.
                    self.end_orders().await?;
                }
                batch = quotes.next() => {
                    let Some(batch) = batch else { return Ok(()) };
                    self.end_orders().await?;
                    for quote in batch.quotes() {
                        self.match_quote(quote).await?;
                    }
                }
                () = open_orders.changed() => {
                    // An order may have been placed on a quote that was replaced before the order was known here.
                    for quote in self.trading.board().all() {
                        self.match_quote(&quote).await?;
                    }
                }
            }
        }
    }

    /// Tries the orders that the quote could fill, the most eager first. Tells how many it tried.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails.
    pub async fn match_symbol(&self, symbol: Symbol) -> Result<usize, TradingError> {
        match self.trading.board().latest(symbol) {
            Some(quote) => self.match_quote(&quote).await,
            None => Ok(0),
        }
    }

    async fn match_quote(&self, quote: &PublishedQuote) -> Result<usize, TradingError> {
        let first = self.marketable(quote);
        if self.try_orders(&first).await? {
            // What a stale entry had been granted went back to the quote, and others may have it.
            self.try_orders(&self.marketable(quote)).await?;
        }
        Ok(first.len())
    }

    fn marketable(&self, quote: &PublishedQuote) -> Vec<OpenOrder> {
        let open_orders = &self.trading.inner.open_orders;
        let mut marketable = open_orders.marketable(quote.symbol, quote.bid, quote.ask, TRIES_PER_QUOTE);
        marketable.retain(|open| open.last_quote_seq < quote.seq);
        marketable
    }

    /// Ends the orders whose time is over. Tells how many it tried.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails.
    pub async fn end_orders(&self) -> Result<usize, TradingError> {
        let ended = self
            .trading
            .inner
            .open_orders
            .ended(self.trading.now(), ENDINGS_PER_ROUND);
        self.try_orders(&ended).await?;
        Ok(ended.len())
    }

    /// Tries orders, the first first, many in a transaction. Tells whether shares that were set aside for some were not needed.
    async fn try_orders(&self, orders: &[OpenOrder]) -> Result<bool, TradingError> {
        let mut unneeded = false;
        for orders in orders.chunks(ORDERS_PER_TRANSACTION) {
            let attempts = orders.iter().filter_map(|open| self.trading.attempt(open));
            let mut attempts: Vec<Attempt> = attempts.collect();
            let tried = self.trading.try_together(&mut attempts).await;
            unneeded |= attempts.iter().any(Attempt::left_something);
            let orders: Vec<OpenOrder> = attempts.iter().map(|attempt| attempt.open).collect();
            // What was set aside for them is free again before each is tried by itself.
            drop(attempts);
            match tried {
                Ok(tried) => self.conclude(&orders, &tried).await?,
                Err(error) if error.is_unavailable() => return Err(error),
                // One of them keeps all of them from being carried out.
                Err(_) => self.conclude(&orders, &vec![Tried::Alone; orders.len()]).await?,
            }
        }
        Ok(unneeded)
    }

    async fn conclude(&self, orders: &[OpenOrder], tried: &[Tried]) -> Result<(), TradingError> {
        for (open, tried) in orders.iter().zip(tried) {
            match tried {
                Tried::Rests => {}
                Tried::Done => self.trading.inner.open_orders.forget(open.id),
                Tried::Alone => self.try_alone(open).await?,
            }
        }
        Ok(())
    }

    async fn try_alone(&self, open: &OpenOrder) -> Result<(), TradingError> {
        match self.trading.try_order(open).await {
            Ok(Tried::Rests) => return Ok(()),
            Ok(Tried::Done | Tried::Alone) => {}
            Err(error) if error.is_unavailable() => return Err(error),
            // The market goes on for everybody else. The order comes back with the next reading of the rows.
            Err(error) => tracing::error!(
                tenant.id = %open.tenant, order.id = %open.id, error = error_chain(&error), "an order could not be tried"
            ),
        }
        self.trading.inner.open_orders.forget(open.id);
        Ok(())
    }
}

/// Forgets idempotency keys after their days, once an hour.
#[derive(Debug, Clone)]
pub struct HousekeepingWorker {
    trading: Trading,
}

impl HousekeepingWorker {
    /// A worker for the keys of this brokerage.
    pub fn new(trading: &Trading) -> Self {
        Self {
            trading: trading.clone(),
        }
    }

    /// Works until `stop` is cancelled. Cancel-safe: what was forgotten stays forgotten.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails; start it again.
    pub async fn run(self, stop: CancellationToken) -> Result<(), TradingError> {
        stop.run_until_cancelled(self.work()).await.unwrap_or(Ok(()))
    }

    async fn work(&self) -> Result<(), TradingError> {
        let mut rounds = interval(Duration::from_secs(3_600));
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            self.trading.forget_old_keys().await?;
        }
    }
}
