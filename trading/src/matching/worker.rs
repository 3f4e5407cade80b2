//! The tasks that keep resting orders and old keys moving.

use std::time::Duration;

use platform_core::{RequestContext, TenantId, Timestamp, error_chain};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::OpenOrder;
use crate::service::{Trading, TradingError, Tried};
use crate::store;
use crate::{OrderId, PublishedQuote, Quantity, QuoteView, Side, Symbol, TakeRequest};

/// Orders of one symbol and side that are tried on one quote; the rest waits for the next.
const TRIES_PER_QUOTE: usize = 1_000;
/// Orders that begin or end with a session in one round.
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
                    self.activate_orders().await?;
                }
                batch = quotes.next() => {
                    let Some(batch) = batch else { return Ok(()) };
                    // What the session begins and ends comes before the quotes, as of their time: one from before the close still fills.
                    if let Some(at) = batch.quotes().iter().map(|quote| quote.at).max() {
                        self.end_orders_at(at).await?;
                        self.activate_orders_at(at).await?;
                    }
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
        self.elect_stops(quote.symbol).await?;
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
        for open in &elected {
            self.settle(open, trading.elect(open, &quote).await)?;
        }
        Ok(())
    }

    /// Ends the orders whose time is over. Tells how many it tried.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails.
    pub async fn end_orders(&self) -> Result<usize, TradingError> {
        self.end_orders_at(self.trading.now()).await
    }

    async fn end_orders_at(&self, at: Timestamp) -> Result<usize, TradingError> {
        let ended = self.trading.inner.open_orders.ended(at, ENDINGS_PER_ROUND);
        for open in &ended {
            self.settle(open, self.trading.end(open).await)?;
        }
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
        let opened = self.trading.inner.open_orders.opened(at, ENDINGS_PER_ROUND);
        for open in &opened {
            self.settle(open, self.trading.activate(open).await)?;
        }
        Ok(opened.len())
    }

    async fn try_order(&self, open: &OpenOrder) -> Result<(), TradingError> {
        self.settle(open, self.trading.try_order(open).await)
    }

    fn settle(&self, open: &OpenOrder, tried: Result<Tried, TradingError>) -> Result<(), TradingError> {
        match tried {
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
