//! The task that keeps resting orders moving.

use std::sync::Arc;
use std::time::Duration;

use platform_core::lease::Lease;
use platform_core::{Timestamp, error_chain};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use super::OpenOrder;
use super::shard::Part;
use crate::service::{Attempt, Trading, TradingError, Tried};
use crate::{PublishedQuote, Quantity, QuoteStream, QuoteView, Side, Symbol, TakeRequest};

/// Orders of one symbol and side that are tried on one quote; the rest waits for the next.
const TRIES_PER_QUOTE: usize = 1_000;
/// Orders that are ended in one round.
const ENDINGS_PER_ROUND: usize = 1_000;
/// Orders that are tried in one transaction.
const ORDERS_PER_TRANSACTION: usize = 256;
/// Reading the rows anew more often than this would be nothing but that.
const RECONCILE_EVERY_MIN: Duration = Duration::from_millis(100);
/// How late an order may end, or begin to work, where no quote comes.
const LOOK_AT_CLOCK_EVERY: Duration = Duration::from_secs(1);

/// Fills resting orders as quotes come, and ends those whose time is over.
///
/// One that is [made](Self::new) by itself matches all orders and takes for granted that nobody else does: it is for a service that is one
/// process. Where several might be, a [`LedMatchingWorker`](super::LedMatchingWorker) runs one.
#[derive(Debug, Clone)]
pub struct MatchingWorker {
    pub(super) trading: Trading,
    pub(super) part: Part,
    /// What it proves in every transaction; `None` where nobody else matches.
    lease: Option<Arc<Lease>>,
}

impl MatchingWorker {
    /// A worker for the orders of this brokerage.
    pub fn new(trading: &Trading) -> Self {
        Self {
            trading: trading.clone(),
            part: Part::All,
            lease: None,
        }
    }

    /// The same under a lease of the brokerage's database, which the caller holds and nobody beside it: every transaction proves it, and
    /// when it is over nothing is done any more but to answer [`TradingError::NotLeading`].
    #[must_use]
    pub fn under(self, lease: Lease) -> Self {
        Self {
            lease: Some(Arc::new(lease)),
            ..self
        }
    }

    /// The same for the orders of one part.
    pub(super) fn of(self, part: Part) -> Self {
        Self { part, ..self }
    }

    /// Works until `stop` is cancelled. Loads the open orders first.
    ///
    /// Cancel-safe: fills are carried out in transactions, each of which is rolled back where it is dropped and runs to its end where
    /// its commit has begun.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails; start it again, it loads the open orders anew. [`TradingError::NotLeading`] when its lease
    /// is over.
    pub async fn run(self, stop: CancellationToken) -> Result<(), TradingError> {
        stop.run_until_cancelled(self.work()).await.unwrap_or(Ok(()))
    }

    pub(super) async fn work(&self) -> Result<(), TradingError> {
        // What comes from here on waits for the rows to be read.
        let quotes = self.trading.board().subscribe_all();
        self.load().await?;
        self.look_at_the_clock().await?;
        self.match_all().await?;
        // Reading the rows anew takes a while where there are many, and no quote waits for that.
        tokio::select! {
            matched = Box::pin(self.keep_matching(quotes)) => matched,
            read = Box::pin(self.keep_reading()) => read,
        }
    }

    async fn keep_matching(&self, mut quotes: QuoteStream) -> Result<(), TradingError> {
        let open_orders = &self.trading.inner.open_orders;
        let mut clock = interval_at(Instant::now() + LOOK_AT_CLOCK_EVERY, LOOK_AT_CLOCK_EVERY);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // Quotes that have come are from before what the clock says now.
                biased;
                batch = quotes.next() => {
                    let Some(batch) = batch else { return Ok(()) };
                    self.match_quotes(batch.quotes()).await?;
                }
                // An order may have been placed on a quote that was replaced before the order was known here.
                () = open_orders.changed(self.part) => self.match_all().await?,
                _ = clock.tick() => self.look_at_the_clock().await?,
            }
        }
    }

    async fn keep_reading(&self) -> Result<(), TradingError> {
        let every = self.trading.inner.config.reconcile_every.max(RECONCILE_EVERY_MIN);
        let mut reconcile = interval_at(Instant::now() + every, every);
        reconcile.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            reconcile.tick().await;
            self.reconcile().await?;
        }
    }

    /// What is to happen also where no quote comes any more.
    async fn look_at_the_clock(&self) -> Result<(), TradingError> {
        self.end_orders().await?;
        self.activate_orders().await?;
        Ok(())
    }

    async fn match_all(&self) -> Result<(), TradingError> {
        self.match_those_met(&self.trading.board().all()).await
    }

    /// Does what these quotes bring about: ends and begins the orders whose time has come by then, elects stops and fills what can be
    /// filled. Where they bring about nothing, which is most of the time, that is found by one look at each of their symbols.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails.
    pub async fn match_quotes(&self, quotes: &[Arc<PublishedQuote>]) -> Result<(), TradingError> {
        // What the session begins and ends comes before the quotes, as of their time: one from before the close still fills.
        if let Some(at) = quotes.iter().map(|quote| quote.at).max()
            && self.trading.inner.open_orders.has_due(at)
        {
            self.end_orders_at(at).await?;
            self.activate_orders_at(at).await?;
        }
        self.match_those_met(quotes).await
    }

    async fn match_those_met(&self, quotes: &[Arc<PublishedQuote>]) -> Result<(), TradingError> {
        let trigger = self.trading.inner.config.rules.trigger;
        for quote in self.trading.inner.open_orders.met_by(quotes, trigger) {
            self.match_quote(quote).await?;
        }
        Ok(())
    }

    /// Elects the stops that the current quote elects, then tries the orders that it could fill, the most eager first. Tells how many
    /// it tried to fill.
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
        let shards = self.trading.inner.open_orders.shards();
        if !shards.is_in(self.part, quote.symbol) {
            return Ok(0);
        }
        self.elect_stops(quote.symbol).await?;
        let first = self.marketable(quote);
        if self.try_orders(&first).await? {
            // What a stale entry had been granted went back to the quote, and others may have it.
            self.try_orders(&self.marketable(quote)).await?;
        }
        Ok(first.len())
    }

    /// Elects the stops that the current quote of a symbol elects, the nearest first. They meet it in their turn among the others.
    async fn elect_stops(&self, symbol: Symbol) -> Result<(), TradingError> {
        let trading = &self.trading;
        let look = TakeRequest {
            symbol,
            side: Side::Buy,
            wanted: Quantity::ZERO,
            limit: None,
            all_or_none: false,
            newer_than: None,
            now: trading.now(),
        };
        let Ok((quote, _)) = trading.board().look(&look) else {
            return Ok(());
        };
        if trading.inner.config.calendar.session_at(quote.at).is_none() {
            return Ok(());
        }
        let (trigger, seen) = (trading.inner.config.rules.trigger, QuoteView::from(&**quote));
        let elected = trading
            .inner
            .open_orders
            .elected(symbol, trigger, (&seen, quote.at), TRIES_PER_QUOTE);
        self.carry_out(&elected, |open| Some(Attempt::to_elect(open, &quote)))
            .await
            .map(|_| ())
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
        self.end_orders_at(self.trading.now()).await
    }

    async fn end_orders_at(&self, at: Timestamp) -> Result<usize, TradingError> {
        let ended = self
            .trading
            .inner
            .open_orders
            .ended(self.part, at, ENDINGS_PER_ROUND);
        self.carry_out(&ended, |open| Some(Attempt::to_end(open, at)))
            .await?;
        Ok(ended.len())
    }

    /// Lets the orders work that waited for a session which has begun. Tells how many it tried.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails.
    pub async fn activate_orders(&self) -> Result<usize, TradingError> {
        self.activate_orders_at(self.trading.now()).await
    }

    async fn activate_orders_at(&self, at: Timestamp) -> Result<usize, TradingError> {
        let opened = self
            .trading
            .inner
            .open_orders
            .opened(self.part, at, ENDINGS_PER_ROUND);
        self.carry_out(&opened, |open| Some(self.trading.to_open(open)))
            .await?;
        Ok(opened.len())
    }

    /// Fills orders as far as their quotes allow. Tells whether shares that were set aside for some were not needed.
    async fn try_orders(&self, orders: &[OpenOrder]) -> Result<bool, TradingError> {
        self.carry_out(orders, |open| self.trading.to_fill(open)).await
    }

    /// Does something to orders, to the first first, many in a transaction. Tells whether shares that were set aside for some were not
    /// needed.
    async fn carry_out(
        &self,
        orders: &[OpenOrder],
        attempt: impl Fn(&OpenOrder) -> Option<Attempt>,
    ) -> Result<bool, TradingError> {
        let mut unneeded = false;
        for orders in orders.chunks(ORDERS_PER_TRANSACTION) {
            let mut attempts: Vec<Attempt> = orders.iter().filter_map(&attempt).collect();
            let tried = self
                .trading
                .try_together(&mut attempts, self.lease.as_deref())
                .await;
            unneeded |= attempts.iter().any(Attempt::left_something);
            let orders: Vec<OpenOrder> = attempts.iter().map(|attempt| attempt.open).collect();
            // What was set aside for them is free again before each is tried by itself.
            drop(attempts);
            let tried = match tried {
                Ok(tried) => tried,
                Err(error) if error.ends_work() => return Err(error),
                Err(error) if error.is_unavailable() => {
                    tracing::warn!(
                        error = error_chain(&error),
                        "orders have to wait for a connection"
                    );
                    continue;
                }
                // One of them keeps all of them from being carried out.
                Err(_) => vec![Tried::Alone; orders.len()],
            };
            for (open, tried) in orders.iter().zip(tried) {
                match tried {
                    Tried::Rests => {}
                    Tried::Done => self.trading.inner.open_orders.forget(open.id),
                    Tried::Alone => self.try_alone(open, &attempt).await?,
                }
            }
        }
        Ok(unneeded)
    }

    async fn try_alone(
        &self,
        open: &OpenOrder,
        attempt: &impl Fn(&OpenOrder) -> Option<Attempt>,
    ) -> Result<(), TradingError> {
        let Some(attempt) = attempt(open) else {
            return Ok(());
        };
        match self.trading.try_alone(attempt, self.lease.as_deref()).await {
            Ok(Tried::Rests) => return Ok(()),
            Ok(Tried::Done | Tried::Alone) => {}
            Err(error) if error.ends_work() => return Err(error),
            // Somebody keeps its account busy. The next quote tries again.
            Err(error) if error.is_unavailable() => {
                tracing::warn!(
                    tenant.id = %open.tenant, order.id = %open.id, error = error_chain(&error), "an order has to wait"
                );
                return Ok(());
            }
            // The market goes on for everybody else. The order comes back with the next reading of the rows.
            Err(error) => tracing::error!(
                tenant.id = %open.tenant, order.id = %open.id, error = error_chain(&error), "an order could not be tried"
            ),
        }
        self.trading.inner.open_orders.forget(open.id);
        Ok(())
    }
}
