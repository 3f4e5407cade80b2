//! What the audit trails say of somebody who looks after another tenant.

use platform_audit::{Action, Activity, Changes, Event, Outcome, Severity};
use platform_core::pg::{TenantStatus, TenantVerb};
use platform_core::{RequestContext, TenantId};
use serde_json::json;

use super::over::acting_from;

/// In the trail of who does it.
const OVERSEEN: Action = Action::new("tenant.oversee");

const TENANT: &str = "tenant";

/// Something is about to be done to another tenant. Its own trail tells under the same request whether it was.
pub(super) fn about_to(verb: &'static str, tenant: TenantId) -> Event {
    Event::new(OVERSEEN, Outcome::Success)
        .activity(Activity::Execute)
        .severity(Severity::High)
        .target(TENANT, tenant.to_string())
        .detail(json!({ "verb": verb, "stage": "begun" }))
}

/// It was not done.
pub(super) fn not_done(verb: &'static str, tenant: TenantId, reason: &'static str) -> Event {
    Event::new(OVERSEEN, Outcome::Failure)
        .activity(Activity::Execute)
        .severity(Severity::Medium)
        .target(TENANT, tenant.to_string())
        .reason(reason)
        .detail(json!({ "verb": verb }))
}

/// A tenant was made, in its own trail.
pub(super) fn made(tenant: &platform_core::pg::Tenant, by: &RequestContext) -> Event {
    let detail =
        json!({ "slug": tenant.slug.as_str(), "by_tenant": acting_from(by), "parent": tenant.parent });
    platform_audit::tenant_created(tenant.id, tenant.slug.as_str()).detail(detail)
}

/// The status of a tenant was changed, in its own trail.
pub(super) fn done(
    verb: TenantVerb,
    tenant: TenantId,
    (before, why, sessions): (TenantStatus, Option<&str>, u64),
    by: &RequestContext,
) -> Event {
    let event = match verb {
        TenantVerb::Suspend => platform_audit::tenant_suspended(tenant),
        TenantVerb::Resume => platform_audit::tenant_resumed(tenant),
        TenantVerb::Close => platform_audit::tenant_closed(tenant),
    };
    let changes = Changes::new().field("status", before.as_str(), verb.status().as_str());
    event
        .changes(changes)
        .detail(json!({ "by_tenant": acting_from(by), "why": why, "sessions_ended": sessions }))
}
