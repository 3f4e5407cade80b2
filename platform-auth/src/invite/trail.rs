//! What the audit trail says of invitations. The address is masked: nobody can erase an event.

use platform_audit::{Action, Activity, Event, Outcome, Severity};
use platform_core::PrincipalId;
use platform_crypto::mask_email;
use serde_json::json;

use super::InvitationId;
use crate::{EmailAddress, Role, RoleId};

const INVITED: Action = Action::new("auth.invitation_create");
const ACCEPTED: Action = Action::new("auth.invitation_accept");
const REVOKED: Action = Action::new("auth.invitation_revoke");

const INVITATION: &str = "invitation";

pub(super) fn invited(id: InvitationId, email: &EmailAddress, (role, roles): (Role, &[RoleId])) -> Event {
    Event::new(INVITED, Outcome::Success)
        .activity(Activity::Grant)
        .severity(Severity::Medium)
        .target(INVITATION, id.to_string())
        .detail(json!({ "email": mask_email(email.as_entered()), "role": role, "roles": roles }))
}

pub(super) fn accepted(id: InvitationId, user: PrincipalId) -> Event {
    Event::new(ACCEPTED, Outcome::Success)
        .activity(Activity::Create)
        .severity(Severity::Medium)
        .target(INVITATION, id.to_string())
        .target("user", user.to_string())
}

pub(super) fn revoked(id: InvitationId) -> Event {
    Event::new(REVOKED, Outcome::Success)
        .activity(Activity::Revoke)
        .severity(Severity::Medium)
        .target(INVITATION, id.to_string())
}
