//! The events of running a service for tenants.

use platform_core::TenantId;
use serde_json::{Value, json};

use crate::{Action, Activity, Changes, Event, Outcome, Severity};

/// A setting was changed.
pub const CONFIGURATION_CHANGED: Action = Action::new("config.change");

/// Data left the platform. The trail's own exports have an event of their own.
pub const DATA_EXPORTED: Action = Action::new("data.export");

/// A tenant was made.
pub const TENANT_CREATED: Action = Action::new("tenant.create");

/// A tenant may not be used until it is resumed.
pub const TENANT_SUSPENDED: Action = Action::new("tenant.suspend");

/// A tenant may be used again.
pub const TENANT_RESUMED: Action = Action::new("tenant.resume");

/// A tenant ended for good.
pub const TENANT_CLOSED: Action = Action::new("tenant.close");

const TENANT: &str = "tenant";

/// A setting, a limit or a switch was changed, with what it was before and what it is after.
pub fn configuration_changed(setting: impl Into<String>, changes: Changes) -> Event {
    Event::new(CONFIGURATION_CHANGED, Outcome::Success)
        .activity(Activity::Update)
        .severity(Severity::Medium)
        .target("setting", setting)
        .changes(changes)
}

/// Data was given out, in a format and as much of it as `extent` says, such as `{"rows": 1200}`. Record it before the first byte.
pub fn data_exported(what: impl Into<String>, format: &'static str, extent: &Value) -> Event {
    Event::new(DATA_EXPORTED, Outcome::Success)
        .activity(Activity::Export)
        .severity(Severity::Medium)
        .target("data", what)
        .detail(json!({ "format": format, "extent": extent }))
}

/// A tenant was made. `slug` is its short name.
pub fn tenant_created(tenant: TenantId, slug: &str) -> Event {
    tenant_event(TENANT_CREATED, Activity::Create, Severity::Medium, tenant).detail(json!({ "slug": slug }))
}

/// A tenant was suspended.
pub fn tenant_suspended(tenant: TenantId) -> Event {
    tenant_event(TENANT_SUSPENDED, Activity::Update, Severity::High, tenant)
}

/// A tenant was resumed.
pub fn tenant_resumed(tenant: TenantId) -> Event {
    tenant_event(TENANT_RESUMED, Activity::Update, Severity::Medium, tenant)
}

/// A tenant was closed.
pub fn tenant_closed(tenant: TenantId) -> Event {
    tenant_event(TENANT_CLOSED, Activity::Delete, Severity::High, tenant)
}

fn tenant_event(action: Action, activity: Activity, severity: Severity, tenant: TenantId) -> Event {
    Event::new(action, Outcome::Success)
        .activity(activity)
        .severity(severity)
        .target(TENANT, tenant.to_string())
}
