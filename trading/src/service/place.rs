//! Placing an order: one transaction for the order, its hold, its fills, the ledger, the log, the idempotency key and the audit event.

use platform_core::pg::TenantTx;
use platform_core::{PrincipalId, RequestContext, TenantId};

use super::accounts::owner;
use super::draft::{Intent, ROUTE, spend};
use super::together::Answer;
use super::{AccountStatus, OrderView, PlaceError, PlaceOutcome, Placed, Trading, TradingError, trail};
use crate::Ticket;
use crate::store::{self, AccountRow, Changes, OrderRow};

/// An order as somebody sent it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) ctx: RequestContext,
    pub(super) owner: PrincipalId,
    pub(super) intent: Intent,
}

impl Trading {
    /// Places an order for the caller's account.
    ///
    /// Under an idempotency key in `ctx` the order is placed at most once however often it is sent: the key is stored in the
    /// order's own transaction. Without one, `client_order_id` does the same for an order with the same terms.
    ///
    /// Orders that come while others are being committed wait for these and are then committed together, each with its own audit event
    /// and its own answer; an order that comes alone is committed at once. An order that keeps the others from being committed is placed
    /// by itself.
    ///
    /// # Errors
    /// [`PlaceError`]; there is no order. What was refused is an event of the audit trail; when it can be recorded nowhere, the
    /// answer is [`TradingError::Audit`]. [`TradingError::NotLeading`] where another instance takes orders. A refusal for a reason of business (not enough cash or shares) is no error but a
    /// rejected order, which is stored so that a repeated request gets the same answer. [`TradingError::Busy`] when too many orders of the
    /// tenant wait already. When the connection broke while orders were being committed, it may have happened or not: each of their
    /// callers is answered [`DbError::Unavailable`](platform_core::pg::DbError::Unavailable), and asks again under the same key.
    pub async fn place(&self, ctx: &RequestContext, ticket: &Ticket) -> Result<Placed, PlaceError> {
        let placed = self.take_in(ctx, ticket).await;
        if let Err(error) = &placed
            && let Some(event) = trail::not_placed(ticket, error)
        {
            self.inner
                .audit
                .record_refusal(&self.inner.db, ctx, event)
                .await?;
        }
        placed
    }

    async fn take_in(&self, ctx: &RequestContext, ticket: &Ticket) -> Result<Placed, PlaceError> {
        let owner = owner(ctx)?;
        self.inner.standing.proof()?;
        let terms = ticket.validate().map_err(PlaceError::Fields)?;
        if self.inner.board.instrument(terms.symbol()).is_none() {
            return Err(PlaceError::UnknownSymbol);
        }
        let key = ctx.meta().idempotency_key.as_ref();
        let key = key.map(platform_core::IdempotencyKey::as_str);
        let request = Request {
            ctx: ctx.clone(),
            owner,
            intent: Intent::new(ctx.tenant(), ticket, terms, key),
        };
        let started = tokio::time::Instant::now();
        let placed = match self.place_with_others(request).await? {
            Answer::Placed(placed) => (*placed)?,
            Answer::Alone(request) => self.place_alone(&request).await?,
        };
        self.inner.metrics.placed(
            placed.outcome(),
            matches!(placed, Placed::New(_)),
            started.elapsed(),
        );
        Ok(placed)
    }

    /// In a transaction of its own, which waits for the account and opens it where there is none.
    async fn place_alone(&self, request: &Request) -> Result<Placed, PlaceError> {
        let Request { ctx, owner, intent } = request;
        let proof = self.inner.standing.proof()?;
        self.prepare_claims(ctx).await?;
        let mut tx = self.inner.db.begin(ctx).await?;
        let mut account = self.lock_or_open(&mut tx, ctx, *owner).await?;
        let loaded = store::load_placements(&mut tx, ROUTE, &[intent.names(&account)]).await?;
        let [loaded] = loaded.as_slice() else {
            return Err(TradingError::Db(sqlx::Error::RowNotFound.into()).into());
        };
        if let Some(remembered) = &loaded.remembered {
            return intent.replay(remembered);
        }
        if loaded.name_is_taken {
            return self.existing(tx, &account, intent).await;
        }
        if account.status != AccountStatus::Active {
            return Err(PlaceError::AccountInactive);
        }

        let (met, mut claims) = self.market_for_one(&mut tx, &intent.terms).await?;
        let now = self.now();
        let mut draft = self.draft((&account, loaded.position), intent, met, now)?;
        if let Some(reservation) = &draft.reservation {
            claims.take(reservation, &draft.events);
        }
        let mut changes = Changes::at(now);
        changes.add(&mut account, draft.change(intent)?)?;
        let event = trail::placed(&draft.done(), &draft.outcome);
        self.inner.audit.record(&mut tx, ctx, event).await?;
        changes.write(&mut tx).await?;
        claims.write(&mut tx).await?;
        proof.show(&mut tx).await?;
        // From here on the shares count as traded, whatever becomes of the commit: its outcome may be unknown.
        spend(draft.reservation.take(), &draft.events);
        let known = KnownOnDrop {
            trading: self,
            rows: vec![(ctx.tenant(), draft.row)],
        };
        self.inner.metrics.order_commits.inc();
        tx.commit().await?;
        drop(known);
        Ok(Placed::New(draft.outcome))
    }

    /// The order to which the client gave this name before. A new key is remembered with that answer.
    async fn existing(
        &self,
        mut tx: TenantTx,
        account: &AccountRow,
        intent: &Intent,
    ) -> Result<Placed, PlaceError> {
        let name = intent.client_order_id.as_deref().unwrap_or_default();
        let row = store::load_by_client_id(&mut tx, account.id, name).await?;
        let row = row
            .filter(|row| *row.order.terms() == intent.terms)
            .ok_or(PlaceError::ClientOrderIdTaken)?;
        let outcome = PlaceOutcome {
            order: OrderView::from(&row),
            executions: store::executions_in(&mut tx, row.order.intake.order_id).await?,
            buying_power: account.available_cents,
            rejection: None,
        };
        if let Some(key) = intent.key_with(&outcome, true)? {
            store::remember(&mut tx, account.id, &key, self.now()).await?;
            tx.commit().await?;
        }
        Ok(Placed::Existing(outcome))
    }
}

/// Tells the matcher of orders whatever becomes of their commit.
///
/// A commit runs to its end when its caller has gone, and one whose answer is lost may have happened. The matcher waits for the
/// account's lock and forgets an order that is not there.
pub(super) struct KnownOnDrop<'a> {
    pub(super) trading: &'a Trading,
    pub(super) rows: Vec<(TenantId, OrderRow)>,
}

impl Drop for KnownOnDrop<'_> {
    fn drop(&mut self) {
        for (tenant, row) in &self.rows {
            self.trading.inner.open_orders.track(*tenant, row);
        }
        self.trading.accounts_changed();
    }
}
