//! A table for spreadsheets.

use std::borrow::Cow;

use csv::{Terminator, Writer, WriterBuilder};
use platform_core::Timestamp;
use serde_json::json;

use crate::{Entry, LeafHash};

/// The columns of a table: the number and the leaf hash (hexadecimal), then those of the event.
const HEADER: [&str; 32] = [
    "seq",
    "leaf",
    "tenant_id",
    "id",
    "recorded_at",
    "occurred_at",
    "xid",
    "action",
    "action_version",
    "activity",
    "outcome",
    "reason",
    "severity",
    "actor_kind",
    "actor_id",
    "purpose",
    "on_behalf_of",
    "session_id",
    "target_kind",
    "target_id",
    "targets",
    "changes",
    "source_address",
    "user_agent",
    "request_id",
    "trace_id",
    "detail",
    "retention",
    "visibility",
    "producer",
    "counter",
    "seal",
];

/// With what a spreadsheet takes a cell for a formula, the wide forms that some turn into the narrow ones included.
const FORMULA_STARTS: [char; 11] = [
    '=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
];

/// A text that no spreadsheet takes for a formula: with an apostrophe before it where it would.
pub(super) fn neutral(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(FORMULA_STARTS) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// The line with the names of the columns.
pub(super) fn header() -> Result<Vec<u8>, csv::Error> {
    csv_row(HEADER.iter().map(|name| Cow::Borrowed(*name)))
}

/// The line of an event.
pub(super) fn event(seq: u64, leaf: LeafHash, entry: &Entry) -> Result<Vec<u8>, csv::Error> {
    let first = entry.targets.first();
    let targets = entry
        .targets
        .iter()
        .map(|target| json!({ "kind": target.kind, "id": target.id }));
    let cells: [Option<String>; HEADER.len()] = [
        Some(seq.to_string()),
        Some(leaf.to_string()),
        Some(entry.tenant.to_string()),
        Some(entry.id.to_string()),
        Some(time(entry.recorded_at)),
        Some(time(entry.occurred_at)),
        Some(entry.xid.to_string()),
        Some(entry.action.clone()),
        Some(entry.action_version.to_string()),
        Some(entry.activity.to_string()),
        Some(entry.outcome.to_string()),
        entry.reason.clone(),
        Some(entry.severity.to_string()),
        Some(entry.actor_kind.clone()),
        entry.actor_id.map(|id| id.to_string()),
        entry.purpose.clone(),
        entry.on_behalf_of.map(|id| id.to_string()),
        entry.session_id.map(|id| id.to_string()),
        first.map(|target| target.kind.clone().into_owned()),
        first.map(|target| target.id.clone()),
        Some(targets.collect::<serde_json::Value>().to_string()),
        entry.changes.as_ref().map(|changes| changes.as_str().to_owned()),
        entry.source_address.clone(),
        entry.user_agent.clone(),
        Some(entry.request_id.to_string()),
        Some(entry.trace_id.clone()),
        entry.detail.as_ref().map(|detail| detail.as_str().to_owned()),
        Some(entry.retention.to_string()),
        Some(entry.visibility.to_string()),
        entry.producer.map(|id| id.to_string()),
        entry.counter.map(|counter| counter.to_string()),
        entry.seal.map(|seal| seal.to_string()),
    ];
    csv_row(cells.into_iter().map(|cell| Cow::Owned(cell.unwrap_or_default())))
}

/// RFC 4180: ended by CR and LF, and quoted where a cell holds a quote, a comma or the end of a line.
pub(crate) fn csv_row<'a>(cells: impl Iterator<Item = Cow<'a, str>>) -> Result<Vec<u8>, csv::Error> {
    let mut writer: Writer<Vec<u8>> = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    for cell in cells {
        writer.write_field(neutral(&cell).as_bytes())?;
    }
    writer.write_record(None::<&[u8]>)?;
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// As in the entry, where times are in whole microseconds of UTC.
fn time(at: Timestamp) -> String {
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    let (hour, minute, second, micros) = (at.hour(), at.minute(), at.second(), at.microsecond());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}
