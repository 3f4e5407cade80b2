//! What the audit trail says of roles, groups and grants. It names them by their ids; the names of roles and groups stand in the changes.

use platform_audit::{Action, Activity, Changes, Event, Outcome, ROLE_GRANTED, ROLE_REVOKED, Severity};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::{CustomRole, Grant, GrantPrincipal, Group, Member, Membership};
use crate::RoleRef;

const ROLE_MADE: Action = Action::new("access.role_create");
const ROLE_DELETED: Action = Action::new("access.role_delete");
const GROUP_MADE: Action = Action::new("access.group_create");
const GROUP_CHANGED: Action = Action::new("access.group_change");
const GROUP_DELETED: Action = Action::new("access.group_delete");
const MEMBER_ADDED: Action = Action::new("access.member_add");
const MEMBER_REMOVED: Action = Action::new("access.member_remove");

const ROLE: &str = "role";
const GROUP: &str = "group";
const GRANT: &str = "grant";
const USER: &str = "user";
const SERVICE: &str = "service";

pub(super) fn role_made(role: &CustomRole) -> Event {
    let changes = Changes::new().field("name", None::<&str>, &role.name).field(
        "permissions",
        None::<&str>,
        &role.permissions,
    );
    event(ROLE_MADE, Activity::Create, Severity::High)
        .target(ROLE, role.id.to_string())
        .changes(changes)
}

pub(super) fn role_changed(before: &CustomRole, after: &CustomRole) -> Event {
    let mut changes = Changes::new().field("version", before.version, after.version);
    if before.name != after.name {
        changes = changes.field("name", &before.name, &after.name);
    }
    if before.permissions != after.permissions {
        changes = changes.field("permissions", &before.permissions, &after.permissions);
    }
    platform_audit::role_changed(after.id.to_string(), changes)
}

pub(super) fn role_deleted(role: &CustomRole) -> Event {
    let changes = Changes::new().field("name", &role.name, None::<&str>).field(
        "permissions",
        &role.permissions,
        None::<&str>,
    );
    event(ROLE_DELETED, Activity::Delete, Severity::High)
        .target(ROLE, role.id.to_string())
        .changes(changes)
}

pub(super) fn group_made(group: &Group) -> Event {
    event(GROUP_MADE, Activity::Create, Severity::Medium)
        .target(GROUP, group.id.to_string())
        .changes(Changes::new().field("name", None::<&str>, &group.name))
}

pub(super) fn group_changed(before: &Group, after: &Group) -> Event {
    event(GROUP_CHANGED, Activity::Update, Severity::Medium)
        .target(GROUP, after.id.to_string())
        .changes(Changes::new().field("name", &before.name, &after.name))
}

pub(super) fn group_deleted(group: &Group) -> Event {
    event(GROUP_DELETED, Activity::Delete, Severity::Medium)
        .target(GROUP, group.id.to_string())
        .changes(Changes::new().field("name", &group.name, None::<&str>))
}

pub(super) fn member_added(membership: &Membership) -> Event {
    let event = event(MEMBER_ADDED, Activity::Grant, Severity::Medium);
    with_member(event, membership)
}

pub(super) fn member_removed(membership: &Membership) -> Event {
    let event = event(MEMBER_REMOVED, Activity::Revoke, Severity::Medium);
    with_member(event, membership)
}

fn with_member(event: Event, membership: &Membership) -> Event {
    // The member first: what somebody gained or lost is found under the one who did.
    let event = match membership.member {
        Member::User(user) => event.target(USER, user.to_string()),
        Member::Service(service) => event.target(SERVICE, service.to_string()),
        Member::Group(group) => event.target("member_group", group.to_string()),
    };
    event
        .target(GROUP, membership.group.to_string())
        .target("membership", membership.id.to_string())
}

pub(super) fn granted(grant: &Grant) -> Event {
    let event = match grant.principal {
        GrantPrincipal::User(user) => platform_audit::role_granted(user, grant.role.to_string()),
        GrantPrincipal::Service(service) => event(ROLE_GRANTED, Activity::Grant, Severity::Medium)
            .target(SERVICE, service.to_string())
            .target(ROLE, grant.role.to_string()),
        GrantPrincipal::Group(group) => event(ROLE_GRANTED, Activity::Grant, Severity::Medium)
            .target(GROUP, group.to_string())
            .target(ROLE, grant.role.to_string()),
    };
    of_grant(event, grant)
}

pub(super) fn revoked(grant: &Grant) -> Event {
    let event = match grant.principal {
        GrantPrincipal::User(user) => platform_audit::role_revoked(user, grant.role.to_string()),
        GrantPrincipal::Service(service) => event(ROLE_REVOKED, Activity::Revoke, Severity::Medium)
            .target(SERVICE, service.to_string())
            .target(ROLE, grant.role.to_string()),
        GrantPrincipal::Group(group) => event(ROLE_REVOKED, Activity::Revoke, Severity::Medium)
            .target(GROUP, group.to_string())
            .target(ROLE, grant.role.to_string()),
    };
    of_grant(event, grant)
}

fn of_grant(event: Event, grant: &Grant) -> Event {
    let instant = |at: Option<platform_core::Timestamp>| at.and_then(|at| at.format(&Rfc3339).ok());
    let resource = grant
        .on
        .as_ref()
        .map_or(Value::Null, |on| json!({ "kind": &*on.kind, "id": &*on.id }));
    event.target(GRANT, grant.id.to_string()).detail(json!({
        "resource": resource,
        "valid_from": instant(grant.window.from()),
        "valid_until": instant(grant.window.until()),
        "built_in": matches!(grant.role, RoleRef::BuiltIn(_)),
        "why": grant.reason,
    }))
}

fn event(action: Action, activity: Activity, severity: Severity) -> Event {
    Event::new(action, Outcome::Success)
        .activity(activity)
        .severity(severity)
}
