//! The events of credentials of programs and of encryption keys.

use platform_core::PrincipalId;

use super::sign_in::USER;
use crate::{Action, Activity, Event, Outcome, Severity};

/// A key with which a program signs in was made.
pub const API_KEY_CREATED: Action = Action::new("auth.api_key_create");

/// A key with which a program signs in was replaced.
pub const API_KEY_ROTATED: Action = Action::new("auth.api_key_rotate");

/// A key with which a program signs in was made useless.
pub const API_KEY_REVOKED: Action = Action::new("auth.api_key_revoke");

const API_KEY: &str = "api_key";

/// A key was made. `key` is its id, never what a program shows; `owner` is whom it acts for.
pub fn api_key_created(key: impl Into<String>, owner: PrincipalId) -> Event {
    api_key(API_KEY_CREATED, Activity::Create, key.into(), owner).severity(Severity::Medium)
}

/// A key was replaced. `key` is its id, which stays.
pub fn api_key_rotated(key: impl Into<String>, owner: PrincipalId) -> Event {
    api_key(API_KEY_ROTATED, Activity::Update, key.into(), owner).severity(Severity::Low)
}

/// A key was made useless.
pub fn api_key_revoked(key: impl Into<String>, owner: PrincipalId) -> Event {
    api_key(API_KEY_REVOKED, Activity::Revoke, key.into(), owner).severity(Severity::Medium)
}

fn api_key(action: Action, activity: Activity, key: String, owner: PrincipalId) -> Event {
    Event::new(action, Outcome::Success)
        .activity(activity)
        .target(API_KEY, key)
        .target(USER, owner.to_string())
}

/// What sort of thing happened to an encryption key or a data subject, and how much it should worry whoever reads it.
#[cfg(feature = "keys")]
pub(crate) fn weighed(
    kind: platform_crypto::KeyEventKind,
    outcome: platform_crypto::KeyOutcome,
) -> (Activity, Severity) {
    use platform_crypto::{KeyEventKind as Kind, KeyOutcome};
    let (activity, severity) = match kind {
        Kind::KeyCreate => (Activity::Create, Severity::Informational),
        Kind::KeyRotate | Kind::KeyActivate | Kind::KeyRewrap => (Activity::Update, Severity::Low),
        Kind::KeyDestroy => (Activity::Delete, Severity::High),
        Kind::ResealStart | Kind::ResealFinish => (Activity::Execute, Severity::Low),
        Kind::SubjectEraseRequest | Kind::SubjectEraseRefused | Kind::SubjectErase => {
            (Activity::Delete, Severity::Medium)
        }
        Kind::HoldPlace => (Activity::Create, Severity::Medium),
        Kind::HoldRelease => (Activity::Delete, Severity::Medium),
        _ => (Activity::Other, Severity::Low),
    };
    match outcome {
        KeyOutcome::Success => (activity, severity),
        KeyOutcome::Failure | KeyOutcome::Denied => (activity, severity.max(Severity::Medium)),
    }
}
