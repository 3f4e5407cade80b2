//! The events of exporting.

use serde_json::json;

use super::totals::Totals;
use super::{Export, ExportId};
use crate::{Action, Activity, Event, Outcome, Severity};

/// The trail of a tenant, or a part of it, began to be exported.
pub const EXPORTED: Action = Action::new("audit.export");

/// An export came to its end, or failed on the way.
pub const EXPORT_FINISHED: Action = Action::new("audit.export_finish");

const EXPORT: &str = "audit_export";

/// Recorded before the first byte is given out.
pub(super) fn begun(id: ExportId, export: &Export, size: u64) -> Event {
    event(EXPORTED, Outcome::Success, id)
        .severity(Severity::Medium)
        .detail(json!({
            "format": export.format.as_str(),
            "selection": export.selection.as_str(),
            "first_seq": export.selection.first_seq(),
            "size": size,
            "filter": export.selection.filter(),
            "platform": export.reader == crate::Reader::Platform,
        }))
}

/// Recorded together with the manifest.
pub(super) fn finished(id: ExportId, totals: &Totals, sha256: &str) -> Event {
    event(EXPORT_FINISHED, Outcome::Success, id).detail(json!({
        "events": totals.events,
        "leaves": totals.leaves(),
        "bytes": totals.bytes,
        "sha256": sha256,
    }))
}

/// Recorded when it did not come to its end, as far as it can be.
pub(super) fn failed(id: ExportId, totals: &Totals, reason: &'static str) -> Event {
    event(EXPORT_FINISHED, Outcome::Failure, id)
        .reason(reason)
        .detail(json!({ "events": totals.events, "bytes": totals.bytes }))
}

fn event(action: Action, outcome: Outcome, id: ExportId) -> Event {
    Event::new(action, outcome)
        .activity(Activity::Export)
        .target(EXPORT, id.to_string())
}
