//! What the market does to an order that rests: it fills, or its time ends.

use platform_audit::Event as AuditEvent;
use platform_core::pg::TenantTx;
use platform_core::{RequestContext, TenantId};

use super::cancel::changed;
use super::place::{settle, spend, view};
use super::trail::{self, Done};
use super::{AccountId, Trading, TradingError};
use crate::matching::OpenOrder;
use crate::store::{self, AccountRow, Change, OrderRow};
use crate::{AccountState, Command, Event, Invalid, Position, TakeRequest, decide};

/// What became of an order that the matcher tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tried {
    /// It still rests.
    Rests,
    /// It is final, or not there.
    Done,
}

/// The rows of one order under the lock of its account.
pub(super) struct Locked {
    account: AccountRow,
    pub(super) row: OrderRow,
    position: Position,
}

impl Trading {
    /// Fills a resting order on the current quote as far as the quote allows, or ends it when its time has come.
    ///
    /// The rows decide, not the matcher's memory: an entry that is stale or doubled does nothing.
    pub(crate) async fn try_order(&self, open: &OpenOrder) -> Result<Tried, TradingError> {
        let now = self.now();
        let request = TakeRequest {
            symbol: open.symbol,
            side: open.side,
            wanted: open.leaves,
            limit: open.worst_price,
            all_or_none: false,
            newer_than: Some(open.last_quote_seq),
            now,
        };
        let Ok(reservation) = self.inner.board.take(&request) else {
            return Ok(Tried::Rests);
        };
        let quoted_at = reservation.quote().at;
        if open.expires_at.is_some_and(|end| end <= quoted_at) {
            return self.end(open).await;
        }
        if reservation.granted().is_zero() || self.is_closed(quoted_at) {
            return Ok(Tried::Rests);
        }
        let fill = Command::Fill {
            quote: view(reservation.quote()),
            offered: reservation.granted(),
        };
        let ctx = system(open.tenant, "fill resting orders", self);
        let mut tx = self.inner.db.begin(&ctx).await?;
        let Some(locked) = lock(&mut tx, open).await? else {
            return Ok(Tried::Done);
        };
        let Some((after, events)) = self.decide(&locked, &fill)? else {
            return Ok(tried(&locked.row));
        };
        let row = self
            .write(&mut tx, &ctx, &locked, (&after, &events), trail::filled)
            .await?;
        // From here on the shares count as traded, whatever becomes of the commit: its outcome may be unknown.
        spend(Some(reservation), &events);
        tx.commit().await?;
        self.inner.open_orders.track(open.tenant, &row);
        self.inner.metrics.filled_resting(row.order.status);
        Ok(tried(&row))
    }

    /// Ends an order whose time is over.
    pub(crate) async fn end(&self, open: &OpenOrder) -> Result<Tried, TradingError> {
        let ctx = system(open.tenant, "expire orders", self);
        let mut tx = self.inner.db.begin(&ctx).await?;
        let Some(locked) = lock(&mut tx, open).await? else {
            return Ok(Tried::Done);
        };
        let Some((after, events)) = self.decide(&locked, &Command::Expire)? else {
            return Ok(Tried::Done);
        };
        self.write(&mut tx, &ctx, &locked, (&after, &events), trail::expired)
            .await?;
        tx.commit().await?;
        Ok(Tried::Done)
    }

    /// What the command does to the loaded rows; `None` when it does nothing.
    pub(super) fn decide(
        &self,
        locked: &Locked,
        command: &Command,
    ) -> Result<Option<(AccountState, Vec<Event>)>, TradingError> {
        let before = locked.state();
        let events = match decide(&self.inner.config.rules, &before, command) {
            Ok(events) if events.is_empty() => return Ok(None),
            Ok(events) => events,
            Err(Invalid::OrderClosed { .. }) => return Ok(None),
            Err(invalid) => return Err(TradingError::Inconsistent(invalid)),
        };
        let after = settle(&before, &events).map_err(TradingError::Inconsistent)?;
        Ok(Some((after, events)))
    }

    pub(super) async fn write(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        locked: &Locked,
        (after, events): (&AccountState, &[Event]),
        audited: fn(&Done<'_>) -> AuditEvent,
    ) -> Result<OrderRow, TradingError> {
        let now = self.now();
        let row =
            changed(&locked.row, after, now).ok_or(TradingError::Db(sqlx::Error::RowNotFound.into()))?;
        let before = locked.state();
        let change = Change {
            account: &locked.account,
            before: &before,
            after,
            order: &row,
            events,
            key: None,
        };
        store::write_change(tx, &change).await?;
        let done = Done {
            order: row.order.intake.order_id,
            account: locked.account.id,
            before: &before,
            after,
            events,
        };
        self.inner.audit.record(tx, ctx, audited(&done)).await?;
        Ok(row)
    }
}

impl Locked {
    fn state(&self) -> AccountState {
        AccountState::with_order(self.account.cash(), self.position, self.row.order)
    }
}

pub(super) async fn lock(tx: &mut TenantTx, open: &OpenOrder) -> Result<Option<Locked>, TradingError> {
    let account: AccountId = open.account;
    let Some(account) = store::lock_account_by_id(tx, account).await? else {
        return Ok(None);
    };
    let Some(row) = store::load_order(tx, account.id, open.id).await? else {
        return Ok(None);
    };
    let position = store::load_position(tx, account.id, row.order.terms().symbol()).await?;
    Ok(Some(Locked {
        account,
        row,
        position,
    }))
}

pub(super) fn tried(row: &OrderRow) -> Tried {
    if row.order.status.is_terminal() {
        Tried::Done
    } else {
        Tried::Rests
    }
}

pub(super) fn system(tenant: TenantId, reason: &'static str, trading: &Trading) -> RequestContext {
    RequestContext::system(tenant, reason, trading.sources())
}
