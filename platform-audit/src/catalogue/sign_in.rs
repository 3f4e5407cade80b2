//! The events of signing in, so that whoever authenticates users records them alike.

use platform_core::PrincipalId;
use platform_core::uuid::Uuid;
use platform_crypto::mask_email;
use serde_json::json;

use crate::{Action, Activity, Event, Outcome, Retention, Severity};

/// A user was made.
pub const REGISTERED: Action = Action::new("auth.register");

/// A user signed in, or tried to.
pub const SIGNED_IN: Action = Action::new("auth.sign_in");

/// A user ended a session.
pub const SIGNED_OUT: Action = Action::new("auth.sign_out");

/// What somebody signs in with was changed.
pub const CREDENTIAL_CHANGED: Action = Action::new("auth.credential_change");

/// A session was ended by somebody else, or by a rule.
pub const SESSION_ENDED: Action = Action::new("auth.session_end");

pub(super) const USER: &str = "user";

/// Why a sign-in failed. The client is told none of this; the trail is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInFailure {
    /// No user has this e-mail address.
    UnknownUser,
    /// The password is not the user's.
    WrongPassword(PrincipalId),
    /// The user may not sign in.
    UserDisabled(PrincipalId),
}

impl SignInFailure {
    const fn code(self) -> &'static str {
        match self {
            Self::UnknownUser => "unknown_user",
            Self::WrongPassword(_) => "wrong_password",
            Self::UserDisabled(_) => "user_disabled",
        }
    }

    const fn user(self) -> Option<PrincipalId> {
        match self {
            Self::UnknownUser => None,
            Self::WrongPassword(user) | Self::UserDisabled(user) => Some(user),
        }
    }
}

/// A user was made. `email` is masked here.
pub fn registered(user: PrincipalId, email: &str) -> Event {
    Event::new(REGISTERED, Outcome::Success)
        .activity(Activity::Create)
        .target(USER, user.to_string())
        .detail(json!({ "email": mask_email(email) }))
}

/// A user signed in with a credential of the given kind, such as `password`. Record it in the context of the new session.
pub fn sign_in_succeeded(user: PrincipalId, method: &'static str) -> Event {
    Event::new(SIGNED_IN, Outcome::Success)
        .activity(Activity::SignIn)
        .retention(Retention::SECURITY)
        .target(USER, user.to_string())
        .detail(json!({ "method": method }))
}

/// Somebody failed to sign in under `email`, which is masked here.
pub fn sign_in_failed(email: &str, failure: SignInFailure) -> Event {
    let event = Event::new(SIGNED_IN, Outcome::Failure)
        .activity(Activity::SignIn)
        .severity(Severity::Low)
        .retention(Retention::SECURITY)
        .reason(failure.code())
        .detail(json!({ "email": mask_email(email) }));
    match failure.user() {
        Some(user) => event.target(USER, user.to_string()),
        None => event,
    }
}

/// A user ended the session that the context names.
pub fn signed_out(user: PrincipalId) -> Event {
    Event::new(SIGNED_OUT, Outcome::Success)
        .activity(Activity::SignOut)
        .retention(Retention::SECURITY)
        .target(USER, user.to_string())
}

/// What a user signs in with was changed: a credential of the given kind, such as `password`. Of the credential itself nothing is said.
pub fn credential_changed(user: PrincipalId, kind: &'static str) -> Event {
    Event::new(CREDENTIAL_CHANGED, Outcome::Success)
        .activity(Activity::Update)
        .severity(Severity::Medium)
        .target(USER, user.to_string())
        .detail(json!({ "kind": kind }))
}

/// A user's session ended otherwise than by signing out, for a reason that is a short stable code: `expired`, `revoked`.
pub fn session_ended(user: PrincipalId, session: Uuid, reason: &'static str) -> Event {
    Event::new(SESSION_ENDED, Outcome::Success)
        .activity(Activity::SignOut)
        .severity(Severity::Low)
        .retention(Retention::SECURITY)
        .target(USER, user.to_string())
        .target("session", session.to_string())
        .reason(reason)
}
