//! What the audit trail says of host names.

use platform_audit::{Action, Activity, Event, Outcome, Severity};
use platform_core::TenantId;
use serde_json::json;

use super::HostName;

const CLAIMED: Action = Action::new("tenant.host_claim");
const VERIFIED: Action = Action::new("tenant.host_verify");
const REMOVED: Action = Action::new("tenant.host_remove");

pub(super) fn claimed(host: &HostName) -> Event {
    event(CLAIMED, Activity::Create, Severity::Low, host)
}

/// Who lets a name stand for the tenant or takes it away, beside the tenant's own people.
#[derive(Debug, Clone, Copy)]
pub(super) enum From {
    /// Nobody else.
    Within,
    /// An operator of the platform, from its tenant; a job of the service from none.
    Platform(Option<TenantId>),
    /// Whoever closed the tenant.
    Closing(Option<TenantId>),
}

/// From now on the name stands for the tenant: its record was found, or an operator vouches for it.
pub(super) fn verified(host: &HostName, from: From) -> Event {
    let detail = match from {
        From::Within => json!({ "how": "dns" }),
        From::Platform(by_tenant) | From::Closing(by_tenant) => {
            json!({ "how": "operator", "by_tenant": by_tenant })
        }
    };
    event(VERIFIED, Activity::Update, Severity::High, host).detail(detail)
}

pub(super) fn removed(host: &HostName, from: From) -> Event {
    let event = event(REMOVED, Activity::Delete, Severity::High, host);
    match from {
        From::Within => event,
        From::Platform(by_tenant) => event.detail(json!({ "by_tenant": by_tenant })),
        From::Closing(by_tenant) => event.detail(json!({ "by_tenant": by_tenant, "why": "tenant_closed" })),
    }
}

fn event(action: Action, activity: Activity, severity: Severity, host: &HostName) -> Event {
    Event::new(action, Outcome::Success)
        .activity(activity)
        .severity(severity)
        .target("host", host.as_str())
}
