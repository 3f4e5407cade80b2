//! What the audit trail says of host names.

use platform_audit::{Action, Activity, Event, Outcome, Severity};
use serde_json::json;

use super::HostName;

const CLAIMED: Action = Action::new("tenant.host_claim");
const VERIFIED: Action = Action::new("tenant.host_verify");
const REMOVED: Action = Action::new("tenant.host_remove");

pub(super) fn claimed(host: &HostName) -> Event {
    event(CLAIMED, Activity::Create, Severity::Low, host)
}

/// From now on the name stands for the tenant. `how`: `dns`, or `operator` who vouches for it.
pub(super) fn verified(host: &HostName, how: &'static str) -> Event {
    event(VERIFIED, Activity::Update, Severity::High, host).detail(json!({ "how": how }))
}

pub(super) fn removed(host: &HostName) -> Event {
    event(REMOVED, Activity::Delete, Severity::High, host)
}

fn event(action: Action, activity: Activity, severity: Severity, host: &HostName) -> Event {
    Event::new(action, Outcome::Success)
        .activity(activity)
        .severity(severity)
        .target("host", host.as_str())
}
