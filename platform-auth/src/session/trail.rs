//! What the audit trail says of sessions that somebody ended or renewed.

use platform_audit::{Action, Activity, Event, Outcome, Retention, SESSION_ENDED, Severity};
use platform_core::PrincipalId;
use serde_json::json;

use super::{EndReason, Proof};
use crate::SessionId;
use crate::trail::Begun;

const STEPPED_UP: Action = Action::new("auth.step_up");

/// One session was ended from another.
pub(super) fn ended(user: PrincipalId, session: SessionId, reason: EndReason) -> Event {
    of_user(user, reason).target("session", session.to_string())
}

/// Several sessions of a user were ended.
pub(super) fn ended_many(user: PrincipalId, reason: EndReason, ended: u64) -> Event {
    of_user(user, reason).detail(json!({ "sessions_ended": ended }))
}

fn of_user(user: PrincipalId, reason: EndReason) -> Event {
    Event::new(SESSION_ENDED, Outcome::Success)
        .activity(Activity::SignOut)
        .retention(Retention::SECURITY)
        .reason(reason.as_str())
        .target("user", user.to_string())
}

/// A user proved anew who it is, and goes on in another session.
pub(super) fn stepped_up(user: PrincipalId, begun: Begun, proof: Proof) -> Event {
    let event = Event::new(STEPPED_UP, Outcome::Success)
        .activity(Activity::SignIn)
        .retention(Retention::SECURITY)
        .target("user", user.to_string())
        .detail(json!({ "methods": proof.methods() }));
    begun.named(event)
}

/// Somebody in a session of the user did not prove to be the user.
pub(super) fn not_stepped_up(user: PrincipalId, reason: &'static str) -> Event {
    Event::new(STEPPED_UP, Outcome::Failure)
        .activity(Activity::SignIn)
        .severity(Severity::Medium)
        .retention(Retention::SECURITY)
        .reason(reason)
        .target("user", user.to_string())
}
