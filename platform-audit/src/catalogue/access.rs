//! The events of who may do what.

use std::borrow::Cow;

use platform_core::{Permission, PrincipalId};
use serde_json::json;

use super::sign_in::USER;
use crate::{Action, Activity, Changes, Event, Outcome, Retention, Severity};

/// A role was given to somebody.
pub const ROLE_GRANTED: Action = Action::new("access.role_grant");

/// A role was taken from somebody.
pub const ROLE_REVOKED: Action = Action::new("access.role_revoke");

/// What a role allows was changed.
pub const ROLE_CHANGED: Action = Action::new("access.role_change");

/// A permission was given to somebody.
pub const PERMISSION_GRANTED: Action = Action::new("access.permission_grant");

/// A permission was taken from somebody.
pub const PERMISSION_REVOKED: Action = Action::new("access.permission_revoke");

/// Somebody asked for what they may not do.
pub const ACCESS_DENIED: Action = Action::new("access.deny");

/// Staff of the platform looked at, or worked in, a tenant's data.
pub const SUPPORT_ACCESSED: Action = Action::new("support.access");

const ROLE: &str = "role";
const PERMISSION: &str = "permission";
const ROUTE: &str = "route";

/// Somebody was given a role.
pub fn role_granted(user: PrincipalId, role: impl Into<String>) -> Event {
    given(ROLE_GRANTED, user, ROLE, role.into())
}

/// A role was taken from somebody.
pub fn role_revoked(user: PrincipalId, role: impl Into<String>) -> Event {
    taken(ROLE_REVOKED, user, ROLE, role.into())
}

/// What a role allows was changed. Record it in the transaction of the change.
pub fn role_changed(role: impl Into<String>, changes: Changes) -> Event {
    Event::new(ROLE_CHANGED, Outcome::Success)
        .activity(Activity::Update)
        .severity(Severity::High)
        .target(ROLE, role)
        .changes(changes)
}

/// Somebody was given a permission.
pub fn permission_granted(user: PrincipalId, permission: Permission) -> Event {
    given(PERMISSION_GRANTED, user, PERMISSION, permission.name().to_owned())
}

/// A permission was taken from somebody.
pub fn permission_revoked(user: PrincipalId, permission: Permission) -> Event {
    taken(PERMISSION_REVOKED, user, PERMISSION, permission.name().to_owned())
}

/// Somebody was refused, for a reason that is a short stable code such as the problem's. `route` is a template, never the path, in which
/// there may be anything. Record it with [`AuditLog::record_refusal`](crate::AuditLog::record_refusal) in the context of the request.
pub fn access_denied(
    method: &'static str,
    route: impl Into<String>,
    reason: impl Into<Cow<'static, str>>,
) -> Event {
    Event::new(ACCESS_DENIED, Outcome::Denied)
        .severity(Severity::Medium)
        .retention(Retention::SECURITY)
        .target(ROUTE, route)
        .reason(reason)
        .detail(json!({ "method": method }))
}

/// Staff entered a tenant's data. `matter` is the reference of whatever allows it, such as a case; nothing personal. Record it in the
/// context of the member of staff, in the trail of the tenant, before anything is shown.
pub fn support_accessed(matter: impl Into<String>) -> Event {
    Event::new(SUPPORT_ACCESSED, Outcome::Success)
        .activity(Activity::Read)
        .severity(Severity::High)
        .target("matter", matter)
}

fn given(action: Action, user: PrincipalId, kind: &'static str, what: String) -> Event {
    Event::new(action, Outcome::Success)
        .activity(Activity::Grant)
        .severity(Severity::Medium)
        .target(USER, user.to_string())
        .target(kind, what)
}

fn taken(action: Action, user: PrincipalId, kind: &'static str, what: String) -> Event {
    Event::new(action, Outcome::Success)
        .activity(Activity::Revoke)
        .severity(Severity::Medium)
        .target(USER, user.to_string())
        .target(kind, what)
}
