//! What the audit trail says of keys. It names them by their ids: what a user calls a key may be personal.

use std::time::Duration;

use platform_audit::{Action, Activity, Event, Outcome, Retention, Severity};
use platform_core::PrincipalId;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::{ApiKey, ApiKeyId};

const MADE: Action = Action::new("auth.api_key_create");
const ROTATED: Action = Action::new("auth.api_key_rotate");
const REVOKED: Action = Action::new("auth.api_key_revoke");
const REFUSED: Action = Action::new("auth.api_key_refuse");

const API_KEY: &str = "api_key";

pub(super) fn made(key: &ApiKey, forgotten: u64) -> Event {
    of_new(Event::new(MADE, Outcome::Success), key, forgotten).activity(Activity::Create)
}

pub(super) fn rotated(from: ApiKeyId, key: &ApiKey, (overlap, forgotten): (Duration, u64)) -> Event {
    let event = of_new(Event::new(ROTATED, Outcome::Success), key, forgotten);
    let mut detail = described(key, forgotten);
    detail["overlap_s"] = overlap.as_secs().into();
    event
        .activity(Activity::Update)
        .target("rotated_api_key", from.to_string())
        .detail(detail)
}

pub(super) fn revoked(key: &ApiKey) -> Event {
    Event::new(REVOKED, Outcome::Success)
        .activity(Activity::Revoke)
        .severity(Severity::Medium)
        .target(API_KEY, key.id.to_string())
        .target(owner_kind(key.of_service), key.owner.to_string())
}

/// A key was shown from where it does not work, after `more` refusals that got no event of their own.
pub(super) fn shown_elsewhere((owner, of_service): (PrincipalId, bool), key: ApiKeyId, more: u64) -> Event {
    let event = Event::new(REFUSED, Outcome::Denied)
        .severity(Severity::High)
        .retention(Retention::SECURITY)
        .reason("address_not_allowed")
        .target(API_KEY, key.to_string())
        .target(owner_kind(of_service), owner.to_string());
    match more {
        0 => event,
        more => event.detail(json!({ "more_refused": more })),
    }
}

const fn owner_kind(of_service: bool) -> &'static str {
    match of_service {
        true => "service",
        false => "user",
    }
}

fn of_new(event: Event, key: &ApiKey, forgotten: u64) -> Event {
    event
        .severity(Severity::Medium)
        .target(API_KEY, key.id.to_string())
        .target(owner_kind(key.of_service), key.owner.to_string())
        .detail(described(key, forgotten))
}

/// How much there is to a list that does not fit is told by its length.
fn described(key: &ApiKey, forgotten: u64) -> Value {
    const SCOPES_MAX: usize = 50;
    const RESOURCES_MAX: usize = 25;
    let scopes = match key.scopes.len() <= SCOPES_MAX {
        true => json!(key.scopes),
        false => json!(key.scopes.len()),
    };
    let addresses: Option<Vec<_>> = key
        .addresses
        .as_ref()
        .map(|ranges| ranges.iter().map(ToString::to_string).collect());
    let resources = key.resources.as_ref().map(|resources| {
        let one =
            |resource: &platform_core::OwnedResource| json!({ "kind": &*resource.kind, "id": &*resource.id });
        match resources.len() <= RESOURCES_MAX {
            true => resources.iter().map(one).collect::<Value>(),
            false => json!(resources.len()),
        }
    });
    json!({
        "scopes": scopes,
        "resources": resources,
        "addresses": addresses,
        "not_before": key.not_before.and_then(|at| at.format(&Rfc3339).ok()),
        "expires_at": key.expires_at.format(&Rfc3339).ok(),
        // Of the same owner, that have not worked for a while.
        "keys_forgotten": forgotten,
    })
}
