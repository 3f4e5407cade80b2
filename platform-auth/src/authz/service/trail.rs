//! What the audit trail says of service principals.

use platform_audit::{Action, Activity, Changes, Event, Outcome, Severity};
use serde_json::json;

use super::ServicePrincipal;

const MADE: Action = Action::new("auth.service_principal_create");
const RENAMED: Action = Action::new("auth.service_principal_change");
const STATUS_SET: Action = Action::new("auth.service_principal_status");
const DELETED: Action = Action::new("auth.service_principal_delete");

pub(super) fn made(service: &ServicePrincipal) -> Event {
    event(MADE, Activity::Create, service).changes(Changes::new().field("name", None::<&str>, &service.name))
}

pub(super) fn renamed(before: &ServicePrincipal, after: &ServicePrincipal) -> Event {
    event(RENAMED, Activity::Update, after).changes(Changes::new().field("name", &before.name, &after.name))
}

pub(super) fn status_set(service: &ServicePrincipal) -> Event {
    event(STATUS_SET, Activity::Update, service).detail(json!({ "status": service.status.as_str() }))
}

pub(super) fn deleted(service: &ServicePrincipal, keys: u64, grants: u64) -> Event {
    event(DELETED, Activity::Delete, service)
        .changes(Changes::new().field("name", &service.name, None::<&str>))
        .detail(json!({ "keys_revoked": keys, "grants_revoked": grants }))
}

fn event(action: Action, activity: Activity, service: &ServicePrincipal) -> Event {
    Event::new(action, Outcome::Success)
        .activity(activity)
        .severity(Severity::Medium)
        .target("service", service.id.to_string())
}
