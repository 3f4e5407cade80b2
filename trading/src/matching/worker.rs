//! The tasks that keep resting orders and old keys moving.

use std::time::Duration;

use platform_core::{RequestContext, TenantId, error_chain};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::OpenOrder;
use crate::service::{Trading, TradingError, Tried};
use crate::store;
use crate::{OrderId, PublishedQuote, Symbol};

/// Orders of one symbol and side that are tried on one quote; the rest waits for the next.
const TRIES_PER_QUOTE: usize = 1_000;
/// Orders that are ended in one round.
const ENDINGS_PER_ROUND: usize = 1_000;
/// Orders that are loaded at a time at the start.
const LOAD_PAGE: u32 = 1_000;
/// How often the rows are read anew, for orders of other processes.
const RECONCILE_EVERY: Duration = Duration::from_secs(60);

/// Fills resting orders as quotes come, and ends those whose time is over.
#[derive(Debug, Clone)]
pub struct MatchingWorker {
    trading: Trading,
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
    /// Cancel-safe: every fill is a transaction of its own, which is rolled back where it is dropped and runs to its end where its
    /// commit has begun.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails; start it again, it loads the open orders anew.
    pub async fn run(self, stop: CancellationToken) -> Result<(), TradingError> {
        stop.run_until_cancelled(self.work()).await.unwrap_or(Ok(()))
    }

    async fn work(&self) -> Result<(), TradingError> {
        let open_orders = &self.trading.inner.open_orders;
        let mut quotes = self.trading.board().subscribe_all();
        let mut reconcile = interval(RECONCILE_EVERY);
        reconcile.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = reconcile.tick() => {
                    self.load().await?;
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
        let marketable =
            self.trading
                .inner
                .open_orders
                .marketable(quote.symbol, quote.bid, quote.ask, TRIES_PER_QUOTE);
        let mut tried = 0;
        for open in marketable.iter().filter(|open| open.last_quote_seq < quote.seq) {
            self.try_order(open).await?;
            tried += 1;
        }
        Ok(tried)
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
        for open in &ended {
            self.try_order(open).await?;
        }
        Ok(ended.len())
    }

    async fn try_order(&self, open: &OpenOrder) -> Result<(), TradingError> {
        match self.trading.try_order(open).await {
            Ok(Tried::Rests) => return Ok(()),
            Ok(Tried::Done) => {}
            Err(error) if error.is_unavailable() => return Err(error),
            // The market goes on for everybody else. The order comes back with the next reading of the rows.
            Err(error) => tracing::error!(
                tenant.id = %open.tenant, order.id = %open.id, error = error_chain(&error), "an order could not be tried"
            ),
        }
        self.trading.inner.open_orders.forget(open.id);
        Ok(())
    }

    /// Reads the open orders of every tenant into memory. A tenant whose rows are damaged is logged and left out.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails.
    pub async fn load(&self) -> Result<(), TradingError> {
        let mut after: Option<TenantId> = None;
        loop {
            let tenants = self.trading.inner.tenants.list(after, LOAD_PAGE).await?;
            let Some(last) = tenants.last() else { return Ok(()) };
            after = Some(last.id);
            for tenant in &tenants {
                match self.load_tenant(tenant.id).await {
                    Err(error) if !error.is_unavailable() => tracing::error!(
                        tenant.id = %tenant.id, error = error_chain(&error), "a tenant's open orders could not be loaded"
                    ),
                    loaded => loaded?,
                }
            }
        }
    }

    async fn load_tenant(&self, tenant: TenantId) -> Result<(), TradingError> {
        let inner = &self.trading.inner;
        let ctx = RequestContext::system(tenant, "load open orders", self.trading.sources());
        let mut after: Option<OrderId> = None;
        while inner.open_orders.has_room() {
            let mut read = inner.db.read(&ctx).await?;
            let rows = store::open_orders(&mut read, (after, LOAD_PAGE)).await?;
            drop(read);
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.order.intake.order_id);
            for row in &rows {
                inner.open_orders.track(tenant, row);
            }
        }
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
