//! What the audit trail says of invitations. The address is masked: nobody can erase an event.

use platform_audit::{Action, Activity, Event, Outcome, Severity};
use platform_core::{PrincipalId, TenantId};
use platform_crypto::mask_email;
use serde_json::json;

use super::InvitationId;
use crate::trail::Begun;
use crate::{EmailAddress, Role, RoleId};

const INVITED: Action = Action::new("auth.invitation_create");
const ACCEPTED: Action = Action::new("auth.invitation_accept");
const REVOKED: Action = Action::new("auth.invitation_revoke");
const FORGOTTEN: Action = Action::new("auth.invitation_forget");

const INVITATION: &str = "invitation";

/// `by_tenant`: from where, when it was none of the tenant's own people.
pub(super) fn invited(
    id: InvitationId,
    email: &EmailAddress,
    (role, roles): (Role, &[RoleId]),
    by_tenant: Option<TenantId>,
) -> Event {
    let mut detail = json!({ "email": mask_email(email.as_entered()), "role": role, "roles": roles });
    if let Some(by_tenant) = by_tenant {
        detail["by_tenant"] = json!(by_tenant);
    }
    Event::new(INVITED, Outcome::Success)
        .activity(Activity::Grant)
        .severity(Severity::Medium)
        .target(INVITATION, id.to_string())
        .detail(detail)
}

pub(super) fn accepted(id: InvitationId, user: PrincipalId) -> Event {
    Event::new(ACCEPTED, Outcome::Success)
        .activity(Activity::Create)
        .severity(Severity::Medium)
        .target(INVITATION, id.to_string())
        .target("user", user.to_string())
}

/// The owner of the address accepted it, and has the account now with which somebody had registered the address.
pub(super) fn accepted_by_owner(id: InvitationId, user: PrincipalId, begun: Begun) -> Event {
    begun
        .named(accepted(id, user).severity(Severity::High))
        .detail(json!({ "account": "taken_over" }))
}

/// Nobody accepted it in time: whom it had invited, and to what, is not known any more.
pub(super) fn forgotten(id: InvitationId) -> Event {
    Event::new(FORGOTTEN, Outcome::Success)
        .activity(Activity::Delete)
        .target(INVITATION, id.to_string())
}

pub(super) fn revoked(id: InvitationId) -> Event {
    Event::new(REVOKED, Outcome::Success)
        .activity(Activity::Revoke)
        .severity(Severity::Medium)
        .target(INVITATION, id.to_string())
}
