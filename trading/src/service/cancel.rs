//! Cancelling an order.

use platform_core::RequestContext;

use super::accounts::owner;
use super::draft::settle;
use super::trail::{self, Done};
use super::{CancelError, OrderView, Trading, TradingError};
use crate::store::{self, Change, Changes, OrderRow};
use crate::{AccountState, Command, Invalid, OrderId, decide};

impl Trading {
    /// Withdraws an open order of the caller's account and gives back exactly what is held for it.
    ///
    /// # Errors
    /// [`CancelError::NotFound`] also for another account's or another tenant's order; [`CancelError::Closed`] when the order
    /// was final before, with the order as it is. Either is an event of the audit trail; when it can be recorded nowhere, the
    /// answer is [`TradingError::Audit`].
    pub async fn cancel(&self, ctx: &RequestContext, order: OrderId) -> Result<OrderView, CancelError> {
        let cancelled = self.withdraw(ctx, order).await;
        if let Err(error) = &cancelled
            && let Some(event) = trail::not_cancelled(order, error)
        {
            self.inner
                .audit
                .record_refusal(&self.inner.db, ctx, event)
                .await?;
        }
        cancelled
    }

    async fn withdraw(&self, ctx: &RequestContext, order: OrderId) -> Result<OrderView, CancelError> {
        let owner = owner(ctx)?;
        let mut tx = self.inner.db.begin(ctx).await?;
        let mut account = store::lock_account_of(&mut tx, owner)
            .await?
            .ok_or(CancelError::NotFound)?;
        let row = store::load_order(&mut tx, account.id, order)
            .await?
            .ok_or(CancelError::NotFound)?;
        let position = store::load_position(&mut tx, account.id, row.order.terms().symbol()).await?;
        let before = AccountState::with_order(account.cash(), position, row.order);
        let events = match decide(&self.inner.config.rules, &before, &Command::Cancel) {
            Ok(events) => events,
            Err(Invalid::OrderClosed { .. }) => {
                return Err(CancelError::Closed(Box::new(OrderView::from(&row))));
            }
            Err(invalid) => return Err(TradingError::Inconsistent(invalid).into()),
        };
        let after = settle(&before, &events).map_err(TradingError::Inconsistent)?;
        let now = self.now();
        let row = changed(&row, &after, now).ok_or(CancelError::NotFound)?;

        let change = Change {
            before: &before,
            after: &after,
            order: &row,
            events: &events,
            key: None,
        };
        let mut changes = Changes::at(now);
        changes.add(&mut account, change)?;
        let done = Done {
            order,
            account: account.id,
            before: &before,
            after: &after,
            events: &events,
        };
        self.inner
            .audit
            .record(&mut tx, ctx, trail::cancelled(&done))
            .await?;
        changes.write(&mut tx).await?;
        tx.commit().await?;
        self.inner.open_orders.track(ctx.tenant(), &row);
        self.inner.metrics.cancelled();
        self.accounts_changed();
        Ok(OrderView::from(&row))
    }
}

/// The row after a change to its order.
pub(super) fn changed(
    row: &OrderRow,
    after: &AccountState,
    now: platform_core::Timestamp,
) -> Option<OrderRow> {
    let order = after.order?;
    Some(OrderRow {
        order,
        updated_at: now,
        version: row.version.saturating_add(1),
        ..row.clone()
    })
}
