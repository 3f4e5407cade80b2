//! Reading orders and their fills.

use std::str::FromStr;

use platform_core::RequestContext;

use super::accounts::owner;
use super::{AccountId, ExecutionView, OrderEventView, OrderView, Trading, TradingError};
use crate::store::{self, OrderFilter};
use crate::{OrderId, OrderStatus, UnknownWord};
use platform_core::pg::TenantRead;

/// Which orders a list shows: `open`, `all`, or one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderStatusFilter {
    /// All of them.
    All,
    /// Those that can still fill.
    Open,
    /// Those in one state.
    Only(OrderStatus),
}

impl FromStr for OrderStatusFilter {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "all" => Ok(Self::All),
            "open" => Ok(Self::Open),
            status => status
                .parse()
                .map(Self::Only)
                .map_err(|unknown: UnknownWord| UnknownWord {
                    kind: "status",
                    allowed: format!("open, all, {}", unknown.allowed),
                }),
        }
    }
}

impl From<OrderStatusFilter> for OrderFilter {
    fn from(filter: OrderStatusFilter) -> Self {
        match filter {
            OrderStatusFilter::All => Self::All,
            OrderStatusFilter::Open => Self::Open,
            OrderStatusFilter::Only(status) => Self::Status(status),
        }
    }
}

impl Trading {
    /// Orders of the caller's account, newest first, at most `limit` before the order `before`.
    ///
    /// # Errors
    /// [`TradingError`].
    pub async fn orders(
        &self,
        ctx: &RequestContext,
        filter: OrderStatusFilter,
        (before, limit): (Option<OrderId>, u32),
    ) -> Result<Vec<OrderView>, TradingError> {
        let Some((mut read, account)) = self.read_own(ctx).await? else {
            return Ok(Vec::new());
        };
        let rows = store::orders_page(&mut read, account, filter.into(), (before, limit)).await?;
        Ok(rows.iter().map(OrderView::from).collect())
    }

    /// An order of the caller's account; `None` also for another account's.
    ///
    /// # Errors
    /// [`TradingError`].
    pub async fn order(&self, ctx: &RequestContext, id: OrderId) -> Result<Option<OrderView>, TradingError> {
        let Some((mut read, account)) = self.read_own(ctx).await? else {
            return Ok(None);
        };
        let rows = store::orders_page(&mut read, account, OrderFilter::One(id), (None, 1)).await?;
        Ok(rows.first().map(OrderView::from))
    }

    /// The order of the caller's account to which the client gave this name.
    ///
    /// # Errors
    /// [`TradingError`].
    pub async fn order_by_client_id(
        &self,
        ctx: &RequestContext,
        client_order_id: &str,
    ) -> Result<Option<OrderView>, TradingError> {
        let Some((mut read, account)) = self.read_own(ctx).await? else {
            return Ok(None);
        };
        let row = store::order_by_client_id(&mut read, account, client_order_id).await?;
        Ok(row.as_ref().map(OrderView::from))
    }

    /// Fills of an order of the caller's account, oldest first, at most `limit` after the quote `after`; `None` when there is no
    /// such order.
    ///
    /// # Errors
    /// [`TradingError`].
    pub async fn executions(
        &self,
        ctx: &RequestContext,
        id: OrderId,
        (after, limit): (Option<i64>, u32),
    ) -> Result<Option<Vec<ExecutionView>>, TradingError> {
        let Some((mut read, account)) = self.read_own(ctx).await? else {
            return Ok(None);
        };
        let rows = store::orders_page(&mut read, account, OrderFilter::One(id), (None, 1)).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        Ok(Some(store::executions_of(&mut read, id, (after, limit)).await?))
    }

    /// Events of an order of the caller's account, oldest first, at most `limit` after the number `after`; `None` when there is no
    /// such order. What happened before the account had a log is not in it.
    ///
    /// # Errors
    /// [`TradingError`].
    pub async fn order_events(
        &self,
        ctx: &RequestContext,
        id: OrderId,
        (after, limit): (Option<i64>, u32),
    ) -> Result<Option<Vec<OrderEventView>>, TradingError> {
        let Some((mut read, account)) = self.read_own(ctx).await? else {
            return Ok(None);
        };
        let rows = store::orders_page(&mut read, account, OrderFilter::One(id), (None, 1)).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        Ok(Some(store::events_of_order(&mut read, id, (after, limit)).await?))
    }

    /// A read over the tenant and the caller's account in it; `None` when it has none yet.
    async fn read_own(&self, ctx: &RequestContext) -> Result<Option<(TenantRead, AccountId)>, TradingError> {
        let owner = owner(ctx)?;
        let mut read = self.inner.db.read(ctx).await?;
        let account = store::read_account_of(&mut read, owner).await?;
        Ok(account.map(|account| (read, account.id)))
    }
}
