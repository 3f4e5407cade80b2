//! The index against the rows.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use platform_core::pg::DbError;
use platform_core::{RequestContext, TenantId, Timestamp, error_chain};
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use super::{MatchingWorker, OpenOrder};
use crate::service::TradingError;
use crate::store::{self, OpenRow};
use crate::{OrderId, Symbol};

/// Tenants that are listed at a time.
const TENANTS_PAGE: u32 = 1_000;
/// Rows and entries that are compared at a time.
const PAGE: usize = 5_000;
/// An order is known a moment after it was committed: what changed more recently than this is compared the next time.
const SETTLED: Duration = Duration::from_secs(5);

/// What is known of some orders, and their rows, up to the same id.
struct Stretch {
    known: HashMap<OrderId, OpenOrder>,
    rows: Vec<OpenRow>,
    /// The last id; `None` when there are no more of the tenant.
    end: Option<OrderId>,
}

impl MatchingWorker {
    /// Reads the open orders of every tenant into memory, as far as they are matched here. A tenant whose rows are damaged is logged and
    /// left out.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails.
    pub async fn load(&self) -> Result<(), TradingError> {
        self.compare().await.map(|_| ())
    }

    /// Does the same and tells of how many orders something else was known than their rows say, which is also the metric
    /// `trigger_index_drift`. Orders that other processes placed are among them.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails.
    pub async fn reconcile(&self) -> Result<u64, TradingError> {
        let drift = self.compare().await?;
        let inner = &self.trading.inner;
        let of_all = inner.open_orders.note_drift(self.part, drift);
        let gauge = &inner.metrics.trigger_index_drift;
        gauge.set(i64::try_from(of_all).unwrap_or(i64::MAX));
        if drift > 0 {
            tracing::warn!(
                orders = drift,
                "the matcher had known something else of {drift} orders than their rows say"
            );
        }
        Ok(drift)
    }

    async fn compare(&self) -> Result<u64, TradingError> {
        let mut drift = 0;
        let mut after: Option<TenantId> = None;
        loop {
            let tenants = self.trading.inner.tenants.list(after, TENANTS_PAGE).await?;
            let Some(last) = tenants.last() else {
                return Ok(drift);
            };
            after = Some(last.id);
            for tenant in &tenants {
                match self.compare_tenant(tenant.id).await {
                    Ok(found) => drift += found,
                    Err(error) if error.is_away() => return Err(error),
                    Err(error) => tracing::error!(
                        tenant.id = %tenant.id, error = error_chain(&error), "a tenant's open orders could not be loaded"
                    ),
                }
            }
        }
    }

    async fn compare_tenant(&self, tenant: TenantId) -> Result<u64, TradingError> {
        let mut drift = 0;
        let mut stretch = self.stretch(tenant, None).await?;
        while let Some(end) = stretch.end {
            // Where there are very many, this process works on some while the database reads the next.
            let this = self.clone();
            let next =
                AbortOnDropHandle::new(tokio::spawn(async move { this.stretch(tenant, Some(end)).await }));
            drift += self.correct(tenant, stretch).await?;
            stretch = match next.await.map_err(JoinError::try_into_panic) {
                Ok(read) => read?,
                Err(Ok(panic)) => std::panic::resume_unwind(panic),
                // The runtime ends.
                Err(Err(_)) => return Err(DbError::Aborted.into()),
            };
        }
        drift += self.correct(tenant, stretch).await?;
        Ok(drift)
    }

    /// Reads in no tenant's share of the connections: one that uses up its own is matched all the same.
    async fn stretch(&self, tenant: TenantId, after: Option<OrderId>) -> Result<Stretch, TradingError> {
        let inner = &self.trading.inner;
        // First what is known: what changes while the rows are read is then known anew, and is not corrected.
        let mut known = inner.open_orders.of_tenant(tenant, (after, PAGE));
        let ctx = RequestContext::system(tenant, "load open orders", self.trading.sources());
        let mut group = inner.db.begin_group(&ctx).await?;
        let page = (after, i64::try_from(PAGE).unwrap_or(i64::MAX));
        let rows = store::open_orders(group.of(&ctx).await?, page, &self.symbols_of_others()).await?;
        group.rollback().await?;
        let full = |len: usize, last: Option<OrderId>| last.filter(|_| len >= PAGE);
        let ends = [
            full(known.len(), known.last().map(|open| open.id)),
            full(rows.len(), rows.last().map(|row| row.id)),
        ];
        let end = ends.into_iter().flatten().min();
        let shards = inner.open_orders.shards();
        let is_here = |symbol, id| shards.is_in(self.part, symbol) && end.is_none_or(|end| id <= end);
        known.retain(|open| is_here(open.symbol, open.id));
        let rows = rows
            .into_iter()
            .filter(|row| is_here(row.symbol, row.id))
            .collect();
        let known = known.into_iter().map(|open| (open.id, open)).collect();
        Ok(Stretch { known, rows, end })
    }

    /// Symbols whose orders are known to be none of this matcher's, so that they need not be read.
    fn symbols_of_others(&self) -> Vec<Symbol> {
        let shards = self.trading.inner.open_orders.shards();
        let instruments = self.trading.board().instruments().iter();
        let symbols = instruments.map(|instrument| instrument.symbol);
        symbols
            .filter(|symbol| !shards.is_in(self.part, *symbol))
            .collect()
    }

    /// Makes the index agree with the rows. Tells how many orders it was wrong about.
    async fn correct(&self, tenant: TenantId, stretch: Stretch) -> Result<u64, TradingError> {
        let Stretch { mut known, rows, .. } = stretch;
        let open_orders = &self.trading.inner.open_orders;
        let has_room = open_orders.has_room();
        let settled_before = self.trading.now() - SETTLED;
        let mut drift = 0;
        for row in &rows {
            let is = OpenOrder::of_open(tenant, row);
            let was = known.remove(&is.id);
            // Where there is no place, an order is left out on purpose.
            if was == Some(is) || (was.is_none() && !has_room) {
                continue;
            }
            let corrected = open_orders.correct(is.id, was, Some(is));
            drift += u64::from(corrected && row.updated_at < settled_before);
        }
        if known.is_empty() {
            return Ok(drift);
        }
        let closed = self.closed_before(tenant, settled_before, &known).await?;
        for (id, was) in known {
            let corrected = open_orders.correct(id, Some(was), None);
            drift += u64::from(corrected && closed.contains(&id));
        }
        Ok(drift)
    }

    /// Those that have been final for a while. Of an order whose commit failed there is no row, which is nothing to wonder about.
    async fn closed_before(
        &self,
        tenant: TenantId,
        before: Timestamp,
        known: &HashMap<OrderId, OpenOrder>,
    ) -> Result<HashSet<OrderId>, TradingError> {
        let ctx = RequestContext::system(tenant, "load open orders", self.trading.sources());
        let ids: Vec<OrderId> = known.keys().copied().collect();
        let mut group = self.trading.inner.db.begin_group(&ctx).await?;
        let rows = store::load_orders(group.of(&ctx).await?, &ids).await?;
        group.rollback().await?;
        let closed = rows
            .iter()
            .filter(|row| row.order.status.is_terminal() && row.updated_at < before);
        Ok(closed.map(|row| row.order.intake.order_id).collect())
    }
}
