//! Cancelling everything that is open.

use platform_core::RequestContext;

use super::{CancelError, OrderStatusFilter, OrderView, Trading, TradingError};
use crate::{OrderId, Symbol};

/// The most orders that one request withdraws.
const ORDERS_MAX: usize = 500;
/// Orders that are listed at a time.
const PAGE: u32 = 200;

/// What became of one order that was to be withdrawn.
#[derive(Debug)]
pub struct CancelResult {
    /// The order.
    pub order_id: OrderId,
    /// The withdrawn order, or why it was not withdrawn.
    pub outcome: Result<OrderView, CancelError>,
}

/// What became of the open orders of an account.
#[derive(Debug)]
pub struct CancelledAll {
    /// One for each order, the newest first, at most 500.
    pub results: Vec<CancelResult>,
    /// Whether some open orders were not tried: there are more than 500, or the database became unavailable.
    pub more: bool,
}

impl Trading {
    /// Withdraws the open orders of the caller's account, of one symbol or of all, each in a transaction of its own as
    /// [`Trading::cancel`] does: one that fills first does not keep the others. Orders that are placed meanwhile may stay.
    ///
    /// # Errors
    /// [`TradingError`] when the orders cannot be listed; nothing was withdrawn.
    pub async fn cancel_all(
        &self,
        ctx: &RequestContext,
        symbol: Option<Symbol>,
    ) -> Result<CancelledAll, TradingError> {
        let (orders, mut more) = self.open_of_caller(ctx, symbol).await?;
        let mut results = Vec::with_capacity(orders.len());
        for order_id in orders {
            let outcome = self.cancel(ctx, order_id).await;
            let unavailable = matches!(&outcome, Err(CancelError::Trading(error)) if error.is_unavailable());
            results.push(CancelResult { order_id, outcome });
            if unavailable {
                more = true;
                break;
            }
        }
        Ok(CancelledAll { results, more })
    }

    /// Ids of open orders, the newest first, and whether there are more than are told.
    async fn open_of_caller(
        &self,
        ctx: &RequestContext,
        symbol: Option<Symbol>,
    ) -> Result<(Vec<OrderId>, bool), TradingError> {
        let mut found = Vec::new();
        let mut before = None;
        loop {
            let page = self.orders(ctx, OrderStatusFilter::Open, (before, PAGE)).await?;
            let Some(last) = page.last() else {
                return Ok((found, false));
            };
            before = Some(last.id);
            for order in &page {
                if symbol.is_some_and(|symbol| symbol != order.symbol) {
                    continue;
                }
                if found.len() == ORDERS_MAX {
                    return Ok((found, true));
                }
                found.push(order.id);
            }
        }
    }
}
