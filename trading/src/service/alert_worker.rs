//! The task that fires alerts as quotes cross their prices.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use platform_core::{RequestContext, TenantId, error_chain};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{AlertId, Trading, TradingError};
use crate::PublishedQuote;
use crate::store;

/// Alerts that are fired in one transaction.
const FIRED_AT_ONCE: usize = 500;
/// Rows that are loaded at a time.
const LOAD_PAGE: u32 = 1_000;
/// How often the rows are read anew, for alerts of other processes.
const RECONCILE_EVERY: Duration = Duration::from_secs(60);

/// Fires alerts as quotes cross their prices.
///
/// It runs on every instance; the row of an alert lets one of them fire it. An alert that a quote has crossed stays due until the database
/// has answered, so that a database that is away for a while delays it.
#[derive(Debug, Clone)]
pub struct AlertWorker {
    trading: Trading,
}

impl AlertWorker {
    /// A worker for the alerts of this brokerage.
    pub fn new(trading: &Trading) -> Self {
        Self {
            trading: trading.clone(),
        }
    }

    /// Works until `stop` is cancelled. Loads the alerts first. Cancel-safe: what was fired stays fired, and the rest is due again.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails; start it again.
    pub async fn run(self, stop: CancellationToken) -> Result<(), TradingError> {
        stop.run_until_cancelled(self.work()).await.unwrap_or(Ok(()))
    }

    async fn work(&self) -> Result<(), TradingError> {
        let mut quotes = self.trading.board().subscribe_all();
        let mut reconcile = interval(RECONCILE_EVERY);
        reconcile.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = reconcile.tick() => {
                    self.load().await?;
                    self.meet(&self.trading.board().all()).await?;
                }
                batch = quotes.next() => {
                    let Some(batch) = batch else { return Ok(()) };
                    self.meet(batch.quotes()).await?;
                }
                () = self.trading.inner.alerts.changed() => {
                    // A quote may have come between the making of an alert and now.
                    self.meet(&self.trading.board().all()).await?;
                }
            }
        }
    }

    /// Fires what these quotes cross, and what is due from before. Tells how many this process fired.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails; what is due stays so.
    pub async fn meet(&self, quotes: &[Arc<PublishedQuote>]) -> Result<u64, TradingError> {
        let alerts = &self.trading.inner.alerts;
        if !self.trading.inner.standing.takes_orders() {
            return Ok(0);
        }
        for quote in quotes {
            alerts.meet(quote);
        }
        let mut fired = 0;
        let mut have_to_wait = HashSet::new();
        loop {
            let due = alerts.due(FIRED_AT_ONCE, &have_to_wait);
            let Some((_, first)) = due.first() else {
                return Ok(fired);
            };
            match self.trading.fire(first.tenant, &due).await {
                Ok(count) => fired += count,
                Err(error) if error.is_away() => return Err(error),
                // The tenant uses all of its connections, or keeps an account busy. Its alerts stay due, and nobody else's wait for that.
                Err(error) if error.is_unavailable() => {
                    tracing::warn!(
                        tenant.id = %first.tenant, error = error_chain(&error), "alerts have to wait"
                    );
                    have_to_wait.insert(first.tenant);
                    continue;
                }
                // The alerts of others go on. These come back when the rows are read anew.
                Err(error) => tracing::error!(
                    tenant.id = %first.tenant, error = error_chain(&error), "alerts could not be fired"
                ),
            }
            for (id, _) in &due {
                alerts.forget(*id);
            }
        }
    }

    /// Reads the alerts of every tenant that have not fired into memory, and forgets those that other instances have deleted or fired. A
    /// tenant whose rows cannot be read is logged and left as it was.
    ///
    /// # Errors
    /// [`TradingError`] when the database is gone.
    pub async fn load(&self) -> Result<(), TradingError> {
        let alerts = &self.trading.inner.alerts;
        let reading = alerts.begin_reading();
        let mut not_read = HashSet::new();
        let mut after: Option<TenantId> = None;
        loop {
            let tenants = self.trading.inner.tenants.list(after, LOAD_PAGE).await?;
            let Some(last) = tenants.last() else { break };
            after = Some(last.id);
            for tenant in &tenants {
                match self.load_tenant(tenant.id).await {
                    Ok(()) => {}
                    Err(error) if error.is_away() => return Err(error),
                    Err(error) => {
                        tracing::error!(
                            tenant.id = %tenant.id, error = error_chain(&error), "a tenant's alerts could not be loaded"
                        );
                        not_read.insert(tenant.id);
                    }
                }
            }
        }
        alerts.forget_unseen(reading, &not_read);
        Ok(())
    }

    /// Reads the alerts of one tenant that have not fired into memory.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails.
    pub async fn load_tenant(&self, tenant: TenantId) -> Result<(), TradingError> {
        let inner = &self.trading.inner;
        let ctx = RequestContext::system(tenant, "load alerts", self.trading.sources());
        let mut after: Option<AlertId> = None;
        loop {
            let mut read = inner.db.read(&ctx).await?;
            let rows = store::active_alerts(&mut read, (after, LOAD_PAGE)).await?;
            read.finish().await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.id);
            for alert in &rows {
                inner.alerts.track(tenant, alert);
            }
        }
    }
}
