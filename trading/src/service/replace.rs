//! Changing an open order: same id, next version.

use platform_core::pg::{TenantTx, TxEnd};
use platform_core::{RequestContext, Timestamp};
use serde::{Deserialize, Serialize};

use super::accounts::owner;
use super::claims::Claims;
use super::draft::{expires_at, settle, spend};
use super::meeting::{Met, Wanted};
use super::trail::{self, Done};
use super::{AccountStatus, ExecutionView, OrderView, ReplaceError, Trading, TradingError};
use crate::store::{self, AccountRow, Change, Changes, OrderRow};
use crate::{
    AccountState, Cents, Command, Event, Invalid, Market, OrderId, OrderStatus, Quantity, ReplaceTicket,
    Replacement, TimeInForce, decide,
};

/// What changing an order came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct ReplaceOutcome {
    /// The order as it is now.
    pub order: OrderView,
    /// The fills that the change led to.
    pub executions: Vec<ExecutionView>,
    /// What the account may spend now.
    pub buying_power: Cents,
}

impl Trading {
    /// Changes quantity, limit, stop or time in force of an open order of the caller's account, in place: what it holds follows, and
    /// under its new terms it meets the current quote at once. A quantity of no more than what is filled completes it.
    ///
    /// With a `version` the order is only changed while that is its version. A change of nothing leaves the version.
    ///
    /// # Errors
    /// [`ReplaceError`]; the order is as it was. What was refused is an event of the audit trail; when it can be recorded nowhere,
    /// the answer is [`TradingError::Audit`].
    pub async fn replace(
        &self,
        ctx: &RequestContext,
        order: OrderId,
        ticket: &ReplaceTicket,
        version: Option<i32>,
    ) -> Result<ReplaceOutcome, ReplaceError> {
        let replaced = self.change(ctx, order, ticket, version).await;
        if let Err(error) = &replaced
            && let Some(event) = trail::not_replaced(order, ticket, error)
        {
            self.inner
                .audit
                .record_refusal(&self.inner.db, ctx, event)
                .await?;
        }
        replaced
    }

    async fn change(
        &self,
        ctx: &RequestContext,
        order: OrderId,
        ticket: &ReplaceTicket,
        version: Option<i32>,
    ) -> Result<ReplaceOutcome, ReplaceError> {
        let owner = owner(ctx)?;
        let replacement = ticket.validate().map_err(ReplaceError::Fields)?;
        let proof = self.inner.standing.proof()?;
        self.prepare_claims(ctx).await?;
        let mut tx = self.inner.db.begin(ctx).await?;
        let mut account = store::lock_account_of(&mut tx, owner)
            .await?
            .ok_or(ReplaceError::NotFound)?;
        let row = store::load_order(&mut tx, account.id, order)
            .await?
            .ok_or(ReplaceError::NotFound)?;
        check(&account, &row, version)?;
        let position = store::load_position(&mut tx, account.id, row.order.terms().symbol()).await?;
        let before = AccountState::with_order(account.cash(), position, row.order);

        if row.expires_at.is_some_and(|end| end <= self.now()) {
            // Its time is over, whether or not somebody has come to write that down.
            let ended = OrderView {
                status: OrderStatus::Expired,
                ..OrderView::from(&row)
            };
            return Err(ReplaceError::Closed(Box::new(ended)));
        }
        let (met, mut claims) = self.market_after(&mut tx, &row, &replacement).await?;
        let now = self.now();
        let (market, reservation) = (met.market, met.reservation);
        let replace = Command::Replace { replacement, market };
        let events = decide(&self.inner.config.rules, &before, &replace)
            .map_err(|invalid| ReplaceError::of(invalid, &row))?;
        if events.is_empty() {
            return Ok(outcome(&row, &before, (&[], now)));
        }
        let after = settle(&before, &events).map_err(TradingError::Inconsistent)?;
        let row_after = self
            .replaced_row(&row, &after, (&events, now))
            .ok_or(ReplaceError::NotFound)?;

        let change = Change {
            before: &before,
            after: &after,
            order: &row_after,
            events: &events,
            key: None,
        };
        let mut changes = Changes::at(now);
        changes.add(&mut account, change)?;
        if let Some(reservation) = &reservation {
            claims.take(reservation, &events);
        }
        let done = Done {
            order,
            account: account.id,
            before: &before,
            after: &after,
            events: &events,
        };
        let event = trail::replaced(&done, (row.expires_at, row_after.expires_at));
        self.inner.audit.record(&mut tx, ctx, event).await?;
        changes.write(&mut tx).await?;
        claims.write(&mut tx).await?;
        proof.show(&mut tx).await?;
        // From here on the shares count as traded, whatever becomes of the commit: its outcome may be unknown.
        spend(reservation, &events);
        let (trading, tenant, changed) = (self.clone(), ctx.tenant(), row_after.clone());
        tx.on_end(move |end| {
            // Where nobody knows, the order is most likely as it was. Where it is not, the next reading of the rows finds that.
            if end == TxEnd::Committed {
                trading.inner.open_orders.track(tenant, &changed);
                trading.accounts_changed();
            }
        });
        tx.commit().await?;
        self.inner.metrics.filled_resting(row_after.order.status);
        Ok(outcome(&row_after, &after, (&events, now)))
    }

    /// The market that the order meets under its new terms, and what of it is claimed for it.
    async fn market_after(
        &self,
        tx: &mut TenantTx,
        row: &OrderRow,
        replacement: &Replacement,
    ) -> Result<(Met, Claims), ReplaceError> {
        let order = &row.order;
        let terms = replacement
            .of(order.terms())
            .map_err(|problem| ReplaceError::Fields(vec![problem]))?;
        let quantity = terms.quantity().checked_sub(order.filled);
        let wanted = Wanted {
            terms: &terms,
            quantity: quantity.unwrap_or(Quantity::ZERO),
            limit: terms.pricing().limit_price().or(order.intake.worst_price),
            // It trades once on a quote.
            newer_than: (!order.filled.is_zero()).then_some(order.last_quote_seq),
        };
        let met = match order.status.is_working() {
            true => self.meet_alone(tx, &wanted).await?,
            false => {
                let market = self.look(&wanted, self.now());
                market.map(|market| (Met::without_shares(market), Claims::Unneeded))
            }
        };
        // The instrument may have gone since; then the order waits, or is withdrawn.
        Ok(met.unwrap_or_else(|| {
            let seq = order.last_quote_seq;
            (Met::without_shares(Market::Unusable { seq }), Claims::Unneeded)
        }))
    }

    fn replaced_row(
        &self,
        row: &OrderRow,
        after: &AccountState,
        (events, now): (&[Event], Timestamp),
    ) -> Option<OrderRow> {
        let order = after.order?;
        let (was, is) = (row.order.terms().time_in_force(), order.terms().time_in_force());
        let requeued = events.iter().any(|event| {
            matches!(
                event,
                Event::Replaced {
                    keeps_priority: false,
                    ..
                }
            )
        });
        let calendar = self.inner.config.calendar;
        Some(OrderRow {
            order,
            expires_at: match is {
                unchanged if unchanged == was => row.expires_at,
                TimeInForce::Gtc => expires_at(calendar, is, row.accepted_at),
                _ => expires_at(calendar, is, now),
            },
            requeued_at: if requeued { Some(now) } else { row.requeued_at },
            updated_at: now,
            version: row.version.saturating_add(1),
            ..row.clone()
        })
    }
}

/// What is wrong before anything is decided. A final order says so whatever its version is.
fn check(account: &AccountRow, row: &OrderRow, version: Option<i32>) -> Result<(), ReplaceError> {
    if row.order.status.is_terminal() {
        return Err(ReplaceError::Closed(Box::new(OrderView::from(row))));
    }
    if account.status != AccountStatus::Active {
        return Err(ReplaceError::AccountInactive);
    }
    if version.is_some_and(|version| version != row.version) {
        return Err(ReplaceError::VersionMismatch(Box::new(OrderView::from(row))));
    }
    Ok(())
}

fn outcome(row: &OrderRow, after: &AccountState, (events, now): (&[Event], Timestamp)) -> ReplaceOutcome {
    ReplaceOutcome {
        order: OrderView::from(row),
        executions: ExecutionView::all(events, now),
        buying_power: after.cash.available,
    }
}

impl ReplaceError {
    fn of(invalid: Invalid, row: &OrderRow) -> Self {
        match invalid {
            Invalid::OrderClosed { .. } => Self::Closed(Box::new(OrderView::from(row))),
            Invalid::Field(problem) => Self::Fields(vec![problem]),
            Invalid::State(_) | Invalid::NotImmediate => TradingError::Inconsistent(invalid).into(),
            invalid => Self::Invalid(invalid),
        }
    }
}
