//! What the audit trail says of passkeys.

use platform_audit::{Action, Activity, Event, Outcome, Retention, Severity};
use platform_core::PrincipalId;
use serde_json::{Value, json};

use super::PasskeyId;
use crate::trail::Begun;

const STEPPED_UP: Action = Action::new("auth.step_up");

const METHOD: &str = "passkey";

/// A user signed in with a passkey.
pub(super) fn signed_in(user: PrincipalId, passkey: PasskeyId, begun: Begun) -> Event {
    begun.named(named(platform_audit::sign_in_succeeded(user, METHOD), passkey))
}

/// A user proved anew with a passkey who it is, and goes on in another session.
pub(super) fn stepped_up(user: PrincipalId, passkey: PasskeyId, begun: Begun) -> Event {
    let event = Event::new(STEPPED_UP, Outcome::Success)
        .activity(Activity::SignIn)
        .retention(Retention::SECURITY)
        .target("user", user.to_string());
    begun.named(named(event, passkey))
}

/// Somebody showed something that is no good passkey, after `more` refusals that got no event of their own. The user is named where the
/// passkey is known.
pub(super) fn refused(user: Option<PrincipalId>, reason: &'static str, more: u64) -> Event {
    let mut detail: Value = json!({ "method": METHOD });
    if more > 0 {
        detail["more_refused"] = more.into();
    }
    let event = Event::new(platform_audit::SIGNED_IN, Outcome::Failure)
        .activity(Activity::SignIn)
        .severity(Severity::Medium)
        .retention(Retention::SECURITY)
        .reason(reason)
        .detail(detail);
    match user {
        Some(user) => event.target("user", user.to_string()),
        None => event,
    }
}

/// A passkey was registered, renamed or removed, and so many sessions ended with it.
pub(super) fn changed(user: PrincipalId, passkey: PasskeyId, how: &'static str, ended: u64) -> Event {
    named(
        crate::trail::credential_changed(user, METHOD, how, ended),
        passkey,
    )
}

/// A later answer of the authenticator was faster: this one is refused, and the passkey is good as before.
pub(super) fn overtaken(user: PrincipalId, passkey: PasskeyId) -> Event {
    named(refused(Some(user), "sign_count_overtaken", 0), passkey)
}

/// The counter of a passkey went back: it is disabled, and so many sessions ended with it.
pub(super) fn distrusted(user: PrincipalId, passkey: PasskeyId, ended: u64) -> Event {
    changed(user, passkey, "disabled", ended)
        .severity(Severity::High)
        .reason("sign_count_rollback")
}

fn named(event: Event, passkey: PasskeyId) -> Event {
    event.target("passkey", passkey.to_string())
}
