//! What the audit trail says of accounts and orders.

use platform_audit::{Action, Activity, Changes, Event as AuditEvent, Outcome, Retention, Severity};
use platform_core::{PrincipalId, Timestamp};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::{AccountId, CancelError, PlaceError, PlaceOutcome, ReplaceError};
use crate::{
    AccountState, Cents, Event, Execution, FieldError, Invalid, Order, OrderId, Reject, ReplaceTicket, Ticket,
};

const OPEN: Action = Action::new("account.open");
const PLACE: Action = Action::new("order.place");
const FILL: Action = Action::new("order.fill");
const EXPIRE: Action = Action::new("order.expire");
const CANCEL: Action = Action::new("order.cancel");
const REPLACE: Action = Action::new("order.replace");
const TRIGGER: Action = Action::new("order.trigger");
const ACTIVATE: Action = Action::new("order.activate");
const FORGET: Action = Action::new("idempotency.forget");

/// A command on an order, with the rows it touched before and after.
pub(super) struct Done<'a> {
    pub(super) order: OrderId,
    pub(super) account: AccountId,
    pub(super) before: &'a AccountState,
    pub(super) after: &'a AccountState,
    pub(super) events: &'a [Event],
}

/// An account was opened with its first deposit.
pub(super) fn opened(account: AccountId, owner: PrincipalId, deposit: Cents) -> AuditEvent {
    AuditEvent::new(OPEN, Outcome::Success)
        .activity(Activity::Create)
        .target("account", account.to_string())
        .target("user", owner.to_string())
        .changes(Changes::new().field("cash.available", Value::Null, deposit.to_string()))
        .detail(json!({ "deposit": deposit }))
}

/// An order was placed; it may have been filled or rejected at once.
pub(super) fn placed(done: &Done<'_>, outcome: &PlaceOutcome) -> AuditEvent {
    let order = &outcome.order;
    let rejected = done.events.iter().find_map(Event::reject).map(Reject::reason);
    let event = match rejected {
        None => AuditEvent::new(PLACE, Outcome::Success),
        Some(reason) => AuditEvent::new(PLACE, Outcome::Failure)
            .reason(reason.as_str())
            .severity(Severity::Low),
    };
    let detail = json!({
        "symbol": order.symbol,
        "side": order.side,
        "order_type": order.order_type,
        "time_in_force": order.time_in_force,
        "quantity": order.quantity,
        "limit_price": order.limit_price,
        "stop_price": order.stop_price,
        "status": order.status,
        "filled_quantity": order.filled_quantity,
        "executions": executions(done.events),
        "events": done.events.iter().map(Event::kind).collect::<Vec<_>>(),
    });
    of(done, event.activity(Activity::Create)).detail(detail)
}

/// A resting order was filled, in part or to its end.
pub(super) fn filled(done: &Done<'_>) -> AuditEvent {
    worked(done, FILL, Activity::Execute)
}

/// An order's time was over.
pub(super) fn expired(done: &Done<'_>) -> AuditEvent {
    worked(done, EXPIRE, Activity::Update)
}

/// An order was withdrawn.
pub(super) fn cancelled(done: &Done<'_>) -> AuditEvent {
    worked(done, CANCEL, Activity::Update)
}

/// The stop of an order was elected.
pub(super) fn triggered(done: &Done<'_>) -> AuditEvent {
    let order = done.after.order.as_ref();
    let detail = json!({
        "status": order.map(|order| order.status),
        "stop_price": order.and_then(|order| order.terms().pricing().stop_price()),
        "quote_seq": order.and_then(|order| order.elected_quote_seq),
    });
    let event = AuditEvent::new(TRIGGER, Outcome::Success).activity(Activity::Update);
    of(done, event).detail(detail)
}

/// The market opened for an order that had waited; it works from then on, or was refused.
pub(super) fn activated(done: &Done<'_>) -> AuditEvent {
    let order = done.after.order.as_ref();
    let event = match done.events.iter().find_map(Event::reject) {
        None => AuditEvent::new(ACTIVATE, Outcome::Success),
        Some(reject) => AuditEvent::new(ACTIVATE, Outcome::Failure)
            .reason(reject.reason().as_str())
            .severity(Severity::Low),
    };
    let detail = json!({ "status": order.map(|order| order.status) });
    of(done, event.activity(Activity::Update)).detail(detail)
}

/// The terms of an order changed; it may have been filled at once under the new ones.
pub(super) fn replaced(done: &Done<'_>, (ended, ends): (Option<Timestamp>, Option<Timestamp>)) -> AuditEvent {
    let sides = [(done.before, ended), (done.after, ends)];
    let [before, after] = sides.map(|(state, end)| state.order.as_ref().map(|order| terms(order, end)));
    let mut changes = changes(done.before, done.after);
    for ((name, before), (_, after)) in before.into_iter().flatten().zip(after.into_iter().flatten()) {
        if before != after {
            changes = changes.field(name, before, after);
        }
    }
    let detail = json!({
        "status": done.after.order.as_ref().map(|order| order.status),
        "executions": executions(done.events),
    });
    AuditEvent::new(REPLACE, Outcome::Success)
        .activity(Activity::Update)
        .target("order", done.order.to_string())
        .target("account", done.account.to_string())
        .changes(changes)
        .detail(detail)
}

/// What a replacement can change, as texts.
fn terms(order: &Order, expires_at: Option<Timestamp>) -> [(&'static str, Value); 6] {
    let pricing = order.terms().pricing();
    let price = |price: Option<crate::Price>| price.map_or(Value::Null, |price| price.to_string().into());
    let end = expires_at.and_then(|end| end.format(&Rfc3339).ok());
    [
        ("order.quantity", order.terms().quantity().to_string().into()),
        ("order.limit_price", price(pricing.limit_price())),
        ("order.stop_price", price(pricing.stop_price())),
        ("order.worst_price", price(order.intake.worst_price)),
        (
            "order.time_in_force",
            order.terms().time_in_force().to_string().into(),
        ),
        ("order.expires_at", end.map_or(Value::Null, Value::String)),
    ]
}

/// An order was not changed. As with [`not_cancelled`], the event says no more than the answer did, and is no part of the order's record.
pub(super) fn not_replaced(
    order: OrderId,
    ticket: &ReplaceTicket,
    error: &ReplaceError,
) -> Option<AuditEvent> {
    let (outcome, reason) = match error {
        ReplaceError::NotFound => (Outcome::Failure, "not_found"),
        ReplaceError::Closed(order) => (Outcome::Failure, order.status.conflict_code()),
        ReplaceError::VersionMismatch(_) => (Outcome::Failure, "version_mismatch"),
        ReplaceError::Fields(problems) => (Outcome::Failure, of_fields(problems)),
        ReplaceError::Invalid(invalid) => (Outcome::Failure, invalid.code()),
        ReplaceError::AccountInactive => (Outcome::Denied, "account_suspended"),
        ReplaceError::Trading(_) => return None,
    };
    // Of what the client wrote, only what was understood is told.
    let asked = ticket.validate().unwrap_or_default();
    let event = AuditEvent::new(REPLACE, outcome)
        .activity(Activity::Update)
        .reason(reason)
        .severity(Severity::Low)
        .retention(of_refusal(outcome))
        .target("order", order.to_string())
        .detail(json!({
            "quantity": asked.quantity,
            "limit_price": asked.limit_price,
            "stop_price": asked.stop_price,
            "time_in_force": asked.time_in_force,
        }));
    Some(event)
}

/// Who may not act at all is a matter of security; everything else that was refused serves operation.
fn of_refusal(outcome: Outcome) -> Retention {
    match outcome {
        Outcome::Denied => Retention::SECURITY,
        _ => Retention::OPERATIONAL,
    }
}

/// An order was not withdrawn. What was asked for may be nobody's or another's: the event says no more than the answer did.
///
/// Nothing of the order changed, so it is no part of the order's record, and is kept as long as what serves operation: 90 days.
pub(super) fn not_cancelled(order: OrderId, error: &CancelError) -> Option<AuditEvent> {
    let reason = match error {
        CancelError::NotFound => "not_found",
        CancelError::Closed(order) => order.status.conflict_code(),
        // Of the caller as such tells whoever signed them in; of a defect or a database that is away, the log.
        CancelError::Trading(_) => return None,
    };
    let event = AuditEvent::new(CANCEL, Outcome::Failure)
        .activity(Activity::Update)
        .reason(reason)
        .severity(Severity::Low)
        .retention(Retention::OPERATIONAL)
        .target("order", order.to_string());
    Some(event)
}

/// An order was not taken in, and there is none. Of what the client wrote, only what was understood is told.
///
/// It has no id and no effect, and whoever may send requests can cause any number of them, so it is kept for 90 days, and for a year where a
/// suspended account was refused, as other refusals are. SEC rule 17a-3(a)(6) asks for a memorandum of each order that was received, executed
/// or not; what was refused before it became an order is taken for none. A firm that reads the rule otherwise lengthens the class in
/// `platform_audit.retention_class`. An order that was taken in and then rejected has an id, and is kept as an order.
pub(super) fn not_placed(ticket: &Ticket, error: &PlaceError) -> Option<AuditEvent> {
    let (outcome, reason) = match error {
        PlaceError::Fields(problems) => (Outcome::Failure, of_fields(problems)),
        PlaceError::UnknownSymbol => (Outcome::Failure, "unknown_symbol"),
        PlaceError::Invalid(Invalid::State(_)) | PlaceError::Trading(_) => return None,
        PlaceError::Invalid(invalid) => (Outcome::Failure, invalid.code()),
        PlaceError::AccountInactive => (Outcome::Denied, "account_suspended"),
        PlaceError::TooManyOpenOrders => (Outcome::Failure, "too_many_open_orders"),
        PlaceError::Full => (Outcome::Failure, "open_orders_full"),
        PlaceError::KeyReused => (Outcome::Failure, "idempotency_key_reused"),
        PlaceError::ClientOrderIdTaken => (Outcome::Failure, "client_order_id_taken"),
    };
    let detail = match ticket.validate() {
        Ok(terms) => json!({ "terms": terms }),
        Err(problems) => {
            let codes = problems
                .iter()
                .map(|one| (one.field.to_owned(), one.problem.code().into()));
            json!({ "fields": codes.collect::<serde_json::Map<_, _>>() })
        }
    };
    let event = AuditEvent::new(PLACE, outcome)
        .activity(Activity::Create)
        .reason(reason)
        .severity(Severity::Low)
        .retention(of_refusal(outcome))
        .detail(detail);
    Some(event)
}

/// The code that the client is answered.
fn of_fields(problems: &[FieldError]) -> &'static str {
    match problems {
        [one] => one.problem.code(),
        _ => "invalid_order",
    }
}

/// Idempotency keys from before an instant were forgotten.
pub(super) fn forgotten(keys: u64, before: Timestamp) -> AuditEvent {
    AuditEvent::new(FORGET, Outcome::Success)
        .activity(Activity::Delete)
        .retention(Retention::OPERATIONAL)
        .detail(json!({ "keys": keys, "before": before.format(&Rfc3339).unwrap_or_default() }))
}

fn worked(done: &Done<'_>, action: Action, activity: Activity) -> AuditEvent {
    let order = done.after.order.as_ref();
    let detail = json!({
        "status": order.map(|order| order.status),
        "filled_quantity": order.map(|order| order.filled),
        "executions": executions(done.events),
    });
    of(done, AuditEvent::new(action, Outcome::Success).activity(activity)).detail(detail)
}

fn of(done: &Done<'_>, event: AuditEvent) -> AuditEvent {
    event
        .target("order", done.order.to_string())
        .target("account", done.account.to_string())
        .changes(changes(done.before, done.after))
}

/// What differs between two states of the rows.
fn changes(before: &AccountState, after: &AccountState) -> Changes {
    let sides = fields(before).into_iter().zip(fields(after));
    sides
        .filter(|((_, before), (_, after))| before != after)
        .fold(Changes::new(), |changes, ((name, before), (_, after))| {
            changes.field(name, before, after)
        })
}

/// Cash and position, and what of an order can change. Amounts are texts, as in the API.
fn fields(state: &AccountState) -> [(&'static str, Value); 11] {
    let AccountState {
        cash,
        position,
        order,
    } = state;
    let of_order = |text: Option<String>| text.map_or(Value::Null, Value::String);
    let order = order.as_ref();
    [
        ("cash.available", cash.available.to_string().into()),
        ("cash.held", cash.held.to_string().into()),
        ("position.available", position.available.to_string().into()),
        ("position.held", position.held.to_string().into()),
        ("position.cost", position.cost.to_string().into()),
        ("position.realized", position.realized.to_string().into()),
        (
            "order.status",
            of_order(order.map(|order| order.status.to_string())),
        ),
        (
            "order.reason",
            of_order(order.and_then(|order| order.reason.map(|reason| reason.to_string()))),
        ),
        (
            "order.filled",
            of_order(order.map(|order| order.filled.to_string())),
        ),
        ("order.hold", of_order(order.map(|order| order.hold.to_string()))),
        ("order.fees", of_order(order.map(|order| order.fees.to_string()))),
    ]
}

fn executions(events: &[Event]) -> Vec<Value> {
    let shown = |execution: &Execution| {
        json!({
            "quote_seq": execution.id.quote_seq,
            "quantity": execution.quantity,
            "price": execution.price,
            "cash": execution.cash,
            "fee": execution.fee,
        })
    };
    events.iter().filter_map(Event::execution).map(shown).collect()
}
