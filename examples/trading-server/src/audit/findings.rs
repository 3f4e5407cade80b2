//! Findings in words.

use platform_audit::Finding;

/// What is wrong, as a sentence without its full stop.
pub(super) fn told(finding: &Finding) -> String {
    match finding {
        Finding::Altered { seq, columns } if columns.is_empty() => {
            format!("position {seq}: the event is not what was signed")
        }
        Finding::Altered { seq, columns } => {
            format!("position {seq}: the event was altered in {}", columns.join(", "))
        }
        Finding::CopyLost { copy, first, last } => {
            format!(
                "{}: the copy `{copy}` is gone, the event is there",
                positions(*first, *last)
            )
        }
        Finding::Missing { first, last } => format!("{}: the event is gone", positions(*first, *last)),
        Finding::Inserted { seq } => format!("position {seq}: the event was never signed"),
        Finding::Reordered {
            first,
            last,
            belongs_at,
        } => format!(
            "{}: what stands here was signed at position {belongs_at}",
            positions(*first, *last)
        ),
        Finding::OutOfOrder { seq } => format!("position {seq}: the event came after later ones"),
        Finding::Unproven { seq } => format!("position {seq}: the proof does not prove the event"),
        Finding::Truncated { from, to } => {
            format!("the trail ends after {from} events, and {to} were signed")
        }
        Finding::Forked { size } => {
            format!("the head of {size} events contradicts what was signed elsewhere")
        }
        Finding::RootMismatch { after, size } => {
            format!(
                "behind position {after} something is wrong: the first {size} events do not give the signed root"
            )
        }
        Finding::CheckpointForged { size } => {
            format!("the checkpoint of {size} events was not signed by this log")
        }
        Finding::CheckpointMissing { size } => {
            format!("the checkpoint of {size} events, known from outside, is gone from the database")
        }
        Finding::CheckpointRepeated { size } => format!("the checkpoint of {size} events is stored twice"),
        Finding::TilesAltered { level, first, last } => {
            format!("the tiles of level {level} are not those of the tree from hash {first} to {last}")
        }
        Finding::TreeAltered => "the stored size and root of the tree are not those of the trail".to_owned(),
        Finding::Unsequenced { id } => {
            format!(
                "event {id} has no position and waits for none: no program recorded it, or it was altered before it was signed"
            )
        }
        Finding::PendingWithoutEvent { id } => format!("event {id} waits for its position and is gone"),
        Finding::EntryWithoutEvent { id } => format!("of event {id} nothing is left but its bytes"),
        Finding::Rejected { id, reason } => {
            format!("event {id} was kept out of the tree: {reason}")
        }
        Finding::ProducerGap {
            producer,
            first,
            last,
        } => format!(
            "events {first} to {last} of process {producer} were committed and are gone: deleted before they were signed"
        ),
        Finding::ExportTruncated { lines } => format!("the export is cut off behind line {lines}"),
        Finding::ExportDamaged { member } => {
            format!("what the last line says in `{member}` is not what is in the export")
        }
        Finding::Unsigned { first, last } => format!(
            "{}: no signed checkpoint covers what was sequenced long ago",
            positions(*first, *last)
        ),
        Finding::ManifestContradicted { member } => {
            format!("the export is not the file of the signed manifest: `{member}` differs")
        }
        other => format!("{other:?}"),
    }
}

/// The first and the last position that a finding is about.
pub(super) fn places(finding: &Finding) -> Option<(u64, u64)> {
    match finding {
        Finding::Altered { seq, .. }
        | Finding::Inserted { seq }
        | Finding::OutOfOrder { seq }
        | Finding::Unproven { seq } => Some((*seq, *seq)),
        Finding::Missing { first, last } | Finding::CopyLost { first, last, .. } => Some((*first, *last)),
        _ => None,
    }
}

fn positions(first: u64, last: u64) -> String {
    match first == last {
        true => format!("position {first}"),
        false => format!("positions {first} to {last}"),
    }
}
