//! Placing an order: one transaction for the order, its hold, its fills, the ledger, the idempotency key and the audit event.

use platform_core::pg::TenantTx;
use platform_core::{RequestContext, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::accounts::owner;
use super::meeting::Wanted;
use super::trail::{self, Done};
use super::{
    AccountStatus, ExecutionView, OrderView, PlaceError, PlaceOutcome, Placed, Trading, TradingError,
};
use crate::store::{self, AccountRow, Change, NewKey, OrderRow, Remembered};
use crate::{
    AccountState, Calendar, Command, Event, Invalid, Market, Order, OrderId, OrderTerms, PublishedQuote,
    Quantity, QuoteView, Reservation, Ticket, TimeInForce, apply, decide,
};

const ROUTE: &str = "orders";

/// A good-till-cancelled order ends at the close of the session 90 days on.
const GTC_DAYS: i64 = 90;

/// An order that has passed the checks of its fields, with its fingerprint.
struct Intent<'a> {
    terms: OrderTerms,
    client_order_id: Option<&'a str>,
    key: Option<&'a str>,
    fingerprint: [u8; 32],
}

impl Trading {
    /// Places an order for the caller's account.
    ///
    /// Under an idempotency key in `ctx` the order is placed at most once however often it is sent: the key is stored in the
    /// order's own transaction. Without one, `client_order_id` does the same for an order with the same terms.
    ///
    /// # Errors
    /// [`PlaceError`]; there is no order. What was refused is an event of the audit trail; when it can be recorded nowhere, the
    /// answer is [`TradingError::Audit`]. A refusal for a reason of business (not enough cash or shares) is no error but a
    /// rejected order, which is stored so that a repeated request gets the same answer.
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
        let terms = ticket.validate().map_err(PlaceError::Fields)?;
        if self.inner.board.instrument(terms.symbol()).is_none() {
            return Err(PlaceError::UnknownSymbol);
        }
        let client_order_id = ticket.client_order_id.as_ref().map(crate::ClientOrderId::as_str);
        let intent = Intent {
            terms,
            client_order_id,
            key: ctx
                .meta()
                .idempotency_key
                .as_ref()
                .map(platform_core::IdempotencyKey::as_str),
            fingerprint: fingerprint(&terms, client_order_id),
        };
        let started = tokio::time::Instant::now();
        let mut tx = self.inner.db.begin(ctx).await?;
        let account = self.lock_or_open(&mut tx, ctx, owner).await?;
        let placed = self.place_locked(tx, ctx, &account, &intent).await?;
        self.inner.metrics.placed(
            placed.outcome(),
            matches!(placed, Placed::New(_)),
            started.elapsed(),
        );
        Ok(placed)
    }

    async fn place_locked(
        &self,
        mut tx: TenantTx,
        ctx: &RequestContext,
        account: &AccountRow,
        intent: &Intent<'_>,
    ) -> Result<Placed, PlaceError> {
        let names = (ROUTE, intent.key);
        let symbol = (account.id, intent.terms.symbol());
        let loaded = store::load_placement(&mut tx, symbol, names, intent.client_order_id).await?;
        if let Some(remembered) = loaded.remembered {
            return replay(&remembered, intent);
        }
        if loaded.name_is_taken {
            return self.existing(tx, account, intent).await;
        }
        if account.status != AccountStatus::Active {
            return Err(PlaceError::AccountInactive);
        }

        let now = self.now();
        let (market, reservation) = self.market_for(&intent.terms, now)?;
        let opens_at = match market {
            Market::Closed { .. } => Some(self.inner.config.calendar.session_from(now).open),
            Market::Open { .. } | Market::Unusable { .. } => None,
        };
        let before = AccountState::before_order(account.cash(), loaded.position);
        let place = Command::Place {
            order_id: OrderId::generate(self.sources()),
            terms: intent.terms,
            market,
        };
        let events = decide(&self.inner.config.rules, &before, &place).map_err(PlaceError::Invalid)?;
        let after = settle(&before, &events).map_err(TradingError::Inconsistent)?;
        let row = new_row(
            &after,
            account,
            intent,
            (self.inner.config.calendar, now, opens_at),
        )
        .ok_or(TradingError::Inconsistent(Invalid::NoUsableQuote))?;
        let outcome = PlaceOutcome {
            order: OrderView::from(&row),
            executions: ExecutionView::all(&events, now),
            buying_power: after.cash.available,
            rejection: events.iter().find_map(Event::reject).map(ToString::to_string),
        };

        let key = intent.key_with(&outcome, false)?;
        let change = Change {
            account,
            before: &before,
            after: &after,
            order: &row,
            events: &events,
            key,
        };
        store::write_change(&mut tx, &change).await?;
        let done = Done {
            order: outcome.order.id,
            account: account.id,
            before: &before,
            after: &after,
            events: &events,
        };
        self.inner
            .audit
            .record(&mut tx, ctx, trail::placed(&done, &outcome))
            .await?;
        // From here on the shares count as traded, whatever becomes of the commit: its outcome may be unknown.
        spend(reservation, &events);
        let _known = KnownOnDrop {
            trading: self,
            tenant: ctx.tenant(),
            row: &row,
        };
        tx.commit().await?;
        Ok(Placed::New(outcome))
    }

    /// The order to which the client gave this name before. A new key is remembered with that answer.
    async fn existing(
        &self,
        mut tx: TenantTx,
        account: &AccountRow,
        intent: &Intent<'_>,
    ) -> Result<Placed, PlaceError> {
        let name = intent.client_order_id.unwrap_or_default();
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

    /// The market the order meets, and the shares that were set aside for it.
    fn market_for(
        &self,
        terms: &OrderTerms,
        now: Timestamp,
    ) -> Result<(Market, Option<Reservation>), PlaceError> {
        let wanted = Wanted::by_new(terms);
        // A stop takes nothing yet.
        let met = match terms.pricing().stop_price() {
            None => self.meet(&wanted, now),
            Some(_) => self.look(&wanted, now).map(|market| (market, None)),
        };
        met.ok_or(PlaceError::UnknownSymbol)
    }
}

/// Tells the matcher of an order whatever becomes of its commit.
///
/// A commit runs to its end when its caller has gone, and one whose answer is lost may have happened. The matcher waits for the
/// account's lock and forgets an order that is not there.
pub(super) struct KnownOnDrop<'a> {
    pub(super) trading: &'a Trading,
    pub(super) tenant: TenantId,
    pub(super) row: &'a OrderRow,
}

impl Drop for KnownOnDrop<'_> {
    fn drop(&mut self) {
        self.trading.inner.open_orders.track(self.tenant, self.row);
    }
}

/// The quote as the domain sees it.
pub(super) fn view(quote: &PublishedQuote) -> QuoteView {
    QuoteView::from(&**quote)
}

/// The state after some events.
pub(super) fn settle(before: &AccountState, events: &[Event]) -> Result<AccountState, Invalid> {
    Ok(events
        .iter()
        .try_fold(*before, |state, event| apply(&state, event))?)
}

/// What was set aside and not traded goes back to the quote.
pub(super) fn spend(reservation: Option<Reservation>, events: &[Event]) {
    let Some(reservation) = reservation else { return };
    let traded = events
        .iter()
        .find_map(Event::execution)
        .map_or(Quantity::ZERO, |execution| execution.quantity);
    reservation.commit_part(traded);
}

fn new_row(
    after: &AccountState,
    account: &AccountRow,
    intent: &Intent<'_>,
    (calendar, now, opens_at): (Calendar, Timestamp, Option<Timestamp>),
) -> Option<OrderRow> {
    let order: Order = after.order?;
    Some(OrderRow {
        order,
        account_id: account.id,
        client_order_id: intent.client_order_id.map(str::to_owned),
        accepted_at: now,
        opens_at,
        requeued_at: None,
        expires_at: expires_at(calendar, intent.terms.time_in_force(), now),
        updated_at: now,
        version: 1,
    })
}

/// A day order ends with its session, a lasting one with the session that is on 90 days later.
pub(super) fn expires_at(
    calendar: Calendar,
    time_in_force: TimeInForce,
    now: Timestamp,
) -> Option<Timestamp> {
    let until = match time_in_force {
        TimeInForce::Day => now,
        TimeInForce::Gtc => now + time::Duration::days(GTC_DAYS),
        TimeInForce::Ioc | TimeInForce::Fok => return None,
    };
    Some(calendar.session_from(until).close)
}

/// The terms in one canonical form, so that `10` and `10.0` are the same order.
fn fingerprint(terms: &OrderTerms, client_order_id: Option<&str>) -> [u8; 32] {
    let canonical = serde_json::json!([terms, client_order_id]).to_string();
    Sha256::digest(canonical.as_bytes()).into()
}

/// What is remembered of an answered key.
#[derive(Serialize, Deserialize)]
struct Answered<O> {
    /// Whether the order had been placed before, under another key or none.
    existing: bool,
    outcome: O,
}

impl Intent<'_> {
    /// The key of the request with its answer, to be stored with it; `None` when the client sent no key.
    fn key_with(&self, outcome: &PlaceOutcome, existing: bool) -> Result<Option<NewKey<'_>>, TradingError> {
        let Some(key) = self.key else {
            return Ok(None);
        };
        let answered = Answered { existing, outcome };
        Ok(Some(NewKey {
            route: ROUTE,
            key,
            fingerprint: &self.fingerprint,
            outcome: serde_json::to_string(&answered).map_err(unwritable)?,
        }))
    }
}

fn replay(remembered: &Remembered, intent: &Intent<'_>) -> Result<Placed, PlaceError> {
    if remembered.fingerprint != intent.fingerprint {
        return Err(PlaceError::KeyReused);
    }
    let answered: Answered<PlaceOutcome> = serde_json::from_str(&remembered.outcome).map_err(unwritable)?;
    Ok(match answered.existing {
        true => Placed::ReplayedExisting(answered.outcome),
        false => Placed::Replayed(answered.outcome),
    })
}

fn unwritable(error: serde_json::Error) -> TradingError {
    TradingError::Db(sqlx::Error::Decode(Box::new(error)).into())
}
