//! That somebody read the trail.

use serde_json::json;

use super::filter::EventFilter;
use crate::{Action, Activity, Event, Outcome, Severity};

/// The trail of a tenant was read by somebody who acts for somebody else, or who sees what is hidden from the tenant.
///
/// Reading by the tenant's own people is not recorded, since every page would make an event that the next page shows.
pub const TRAIL_READ: Action = Action::new("audit.read");

/// The trail was read: `what` of it, and under which conditions.
pub fn trail_read(what: &'static str, filter: &EventFilter) -> Event {
    Event::new(TRAIL_READ, Outcome::Success)
        .activity(Activity::Read)
        .severity(Severity::Medium)
        .detail(json!({ "what": what, "filter": filter }))
}
