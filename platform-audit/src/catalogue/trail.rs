//! What the trail records of itself.

use serde_json::Value;

use crate::{Action, Activity, Event, Outcome, Severity, Visibility};

/// A process says which of the events that it has numbered are in the trail. Its detail is
/// `{"producer", "from", "through", "absent", "unknown"}`: every number from `from` to `through` that is in none of the ranges of the
/// two lists is that of an event which was committed.
pub const ATTESTED: Action = Action::new("audit.attest");

/// A change was committed that has no event of its own. The reason says why.
pub const UNAUDITED_COMMIT: Action = Action::new("audit.unaudited_commit");

pub(crate) fn attestation(detail: Value) -> Event {
    Event::new(ATTESTED, Outcome::Success)
        .visibility(Visibility::Platform)
        .detail(detail)
}

pub(crate) fn unaudited_commit(reason: &'static str) -> Event {
    Event::new(UNAUDITED_COMMIT, Outcome::Success)
        .activity(Activity::Update)
        .severity(Severity::High)
        .reason(reason)
}
