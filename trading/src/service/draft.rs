//! What an order that is placed comes to, before anything of it is written.

use platform_core::pg::TenantTx;
use platform_core::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::claims::{Claims, Unclaimed};
use super::meeting::{Met, Wanted};
use super::trail::Done;
use super::{ExecutionView, OrderView, PlaceError, PlaceOutcome, Placed, Trading, TradingError};
use crate::store::{AccountRow, Change, NewKey, OrderRow, PlacementNames, Remembered};
use crate::{
    AccountState, Calendar, Command, Event, Invalid, Market, Order, OrderId, OrderTerms, Position,
    PublishedQuote, Quantity, QuoteView, Reservation, Ticket, TimeInForce, apply, decide,
};

/// The name under which the keys of placements are remembered.
pub(super) const ROUTE: &str = "orders";

/// A good-till-cancelled order ends at the close of the session 90 days on.
const GTC_DAYS: i64 = 90;

/// An order that has passed the checks of its fields, with its fingerprint.
#[derive(Debug, Clone)]
pub(super) struct Intent {
    pub(super) tenant: TenantId,
    pub(super) terms: OrderTerms,
    pub(super) client_order_id: Option<String>,
    pub(super) key: Option<String>,
    fingerprint: [u8; 32],
}

/// An order that was decided and can be written.
pub(super) struct Draft {
    before: AccountState,
    after: AccountState,
    pub(super) events: Vec<Event>,
    pub(super) row: OrderRow,
    pub(super) outcome: PlaceOutcome,
    pub(super) reservation: Option<Reservation>,
}

impl Intent {
    pub(super) fn new(tenant: TenantId, ticket: &Ticket, terms: OrderTerms, key: Option<&str>) -> Self {
        let client_order_id = ticket.client_order_id.as_ref().map(crate::ClientOrderId::as_str);
        Self {
            tenant,
            terms,
            client_order_id: client_order_id.map(str::to_owned),
            key: key.map(str::to_owned),
            fingerprint: fingerprint(&terms, client_order_id),
        }
    }

    /// The rows that it has to do with.
    pub(super) fn names(&self, account: &AccountRow) -> PlacementNames<'_> {
        PlacementNames {
            account: account.id,
            symbol: self.terms.symbol(),
            key: self.key.as_deref(),
            client_order_id: self.client_order_id.as_deref(),
        }
    }

    /// The key of the request with its answer, to be stored with it; `None` when the client sent no key.
    pub(super) fn key_with(
        &self,
        outcome: &PlaceOutcome,
        existing: bool,
    ) -> Result<Option<NewKey<'_>>, TradingError> {
        let Some(key) = &self.key else {
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

    /// The answer that was given to the same key before.
    pub(super) fn replay(&self, remembered: &Remembered) -> Result<Placed, PlaceError> {
        if remembered.fingerprint != self.fingerprint {
            return Err(PlaceError::KeyReused);
        }
        let answered: Answered<PlaceOutcome> =
            serde_json::from_str(&remembered.outcome).map_err(unwritable)?;
        Ok(match answered.existing {
            true => Placed::ReplayedExisting(answered.outcome),
            false => Placed::Replayed(answered.outcome),
        })
    }
}

impl Draft {
    /// What is to be written.
    pub(super) fn change<'a>(&'a self, intent: &'a Intent) -> Result<Change<'a>, TradingError> {
        Ok(Change {
            before: &self.before,
            after: &self.after,
            order: &self.row,
            events: &self.events,
            key: intent.key_with(&self.outcome, false)?,
        })
    }

    /// What the trail is told.
    pub(super) fn done(&self) -> Done<'_> {
        Done {
            order: self.outcome.order.id,
            account: self.row.account_id,
            before: &self.before,
            after: &self.after,
            events: &self.events,
        }
    }

    /// The position as the order leaves it.
    pub(super) fn position(&self) -> Position {
        self.after.position
    }
}

impl Trading {
    /// Decides an order on the account as it is now. The shares that were set aside for it are so until the draft is dropped or spent.
    pub(super) fn draft(
        &self,
        (account, position): (&AccountRow, Position),
        intent: &Intent,
        Met { market, reservation }: Met,
        now: Timestamp,
    ) -> Result<Draft, PlaceError> {
        let opens_at = match market {
            Market::Closed { .. } => Some(self.inner.config.calendar.session_from(now).open),
            Market::Open { .. } | Market::Unusable { .. } => None,
        };
        let before = AccountState::before_order(account.cash(), position);
        let place = Command::Place {
            order_id: OrderId::generate(self.sources()),
            terms: intent.terms,
            market,
        };
        let events = decide(&self.inner.config.rules, &before, &place).map_err(PlaceError::Invalid)?;
        let after = settle(&before, &events).map_err(TradingError::Inconsistent)?;
        self.room_in_account(account, &after)?;
        self.room_in_tenant(intent.tenant, &after)?;
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
        Ok(Draft {
            before,
            after,
            events,
            row,
            outcome,
            reservation,
        })
    }

    /// The market that a new order meets in a transaction with these claims. `None` where nothing with its symbol is quoted.
    pub(super) fn market_for(
        &self,
        terms: &OrderTerms,
        now: Timestamp,
        claims: &mut Claims,
    ) -> Result<Option<Met>, Unclaimed> {
        let wanted = Wanted::by_new(terms);
        match takes_nothing_yet(terms) {
            true => Ok(self.look(&wanted, now).map(Met::without_shares)),
            false => self.meet_within(&wanted, now, claims),
        }
    }

    /// The same for the one order of a transaction that holds its account.
    pub(super) async fn market_for_one(
        &self,
        tx: &mut TenantTx,
        terms: &OrderTerms,
    ) -> Result<(Met, Claims), PlaceError> {
        let wanted = Wanted::by_new(terms);
        let met = match takes_nothing_yet(terms) {
            true => {
                let market = self.look(&wanted, self.now());
                market.map(|market| (Met::without_shares(market), Claims::Unneeded))
            }
            false => self.meet_alone(tx, &wanted).await?,
        };
        met.ok_or(PlaceError::UnknownSymbol)
    }
}

/// A stop waits for its election.
pub(super) fn takes_nothing_yet(terms: &OrderTerms) -> bool {
    terms.pricing().stop_price().is_some()
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
    intent: &Intent,
    (calendar, now, opens_at): (Calendar, Timestamp, Option<Timestamp>),
) -> Option<OrderRow> {
    let order: Order = after.order?;
    Some(OrderRow {
        order,
        account_id: account.id,
        client_order_id: intent.client_order_id.clone(),
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

fn unwritable(error: serde_json::Error) -> TradingError {
    TradingError::Db(sqlx::Error::Decode(Box::new(error)).into())
}
