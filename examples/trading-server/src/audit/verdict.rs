//! What a verification came to, for people and for programs.

use std::fmt::Write as _;

use platform_audit::{KeyName, ProducerNumbers, Report};
use serde_json::{Value, json};

use super::findings;

/// What is known of one trail.
pub(super) struct Verdict {
    pub(super) name: String,
    pub(super) origin: KeyName,
    pub(super) report: Report,
    /// Why the sequencer does not sign it any more.
    pub(super) refused: Option<&'static str>,
    /// The ids of the events at the positions of findings, as far as the database still knows them.
    pub(super) ids: Vec<Vec<String>>,
    /// The sizes of published checkpoints that are none of this log: torn files, or somebody else's.
    pub(super) torn: Vec<u64>,
}

impl Verdict {
    pub(super) fn is_clean(&self) -> bool {
        self.report.is_clean() && self.refused.is_none() && self.torn.is_empty()
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let Report {
            first,
            proven,
            unsigned,
            size,
            events,
            pruned,
            withheld,
            pending,
            unattested,
            unattested_numbers,
            acknowledged,
            suppressed,
            ..
        } = &self.report;
        let mut text = format!("{} ({})\n", self.name, self.origin);
        let proven = proven.map_or(0, |head| head.size);
        let _ = writeln!(
            text,
            "  {events} events at {size} positions, proven up to {proven}"
        );
        if let Some(first) = first.filter(|first| *first > 0) {
            let _ = writeln!(text, "  of the positions before {first} nothing is proven");
        }
        for (count, what) in [
            (*unsigned, "positions at the end are not signed yet"),
            (*pruned, "were deleted after their time"),
            (*withheld, "are shown as a hash alone"),
            (*pending, "wait for their position"),
            (
                *unattested,
                "numbers of processes that were killed are not accounted for",
            ),
        ] {
            if count > 0 {
                let _ = writeln!(text, "  {count} {what}");
            }
        }
        for numbers in unattested_numbers {
            let ProducerNumbers {
                producer,
                first,
                last,
            } = numbers;
            let _ = writeln!(text, "    numbers {first} to {last} of process {producer}");
        }
        for finding in acknowledged {
            let _ = writeln!(text, "  acknowledged: {}", findings::told(finding));
        }
        if let Some(refused) = self.refused {
            let _ = writeln!(text, "  the sequencer refuses to sign this trail: {refused}");
        }
        for size in &self.torn {
            let _ = writeln!(
                text,
                "  FINDING the published checkpoint of size {size} is none of this log"
            );
        }
        for (finding, id) in self.report.findings.iter().zip(&self.ids) {
            let ids = match &id[..] {
                [] => String::new(),
                [id] => format!(" (event {id})"),
                ids => format!(" (events {})", ids.join(", ")),
            };
            let _ = writeln!(text, "  FINDING {}{ids}", findings::told(finding));
        }
        if *suppressed > 0 {
            let _ = writeln!(text, "  … and {suppressed} findings more");
        }
        if self.is_clean() {
            text.push_str("  nothing is wrong\n");
        }
        text
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let found = self.report.findings.iter().zip(&self.ids).map(|(finding, id)| {
            let mut value = serde_json::to_value(finding).unwrap_or_default();
            value["told"] = findings::told(finding).into();
            if let [id] = &id[..] {
                value["event_id"] = id.clone().into();
            }
            value["event_ids"] = id.clone().into();
            value
        });
        let report = &self.report;
        json!({
            "name": self.name,
            "origin": self.origin.as_str(),
            "clean": self.is_clean(),
            "refused": self.refused,
            "size": report.size,
            "first": report.first,
            "unsigned": report.unsigned,
            "events": report.events,
            "proven": report.proven.map(|head| json!({ "size": head.size, "root": head.root.to_base64() })),
            "pruned": report.pruned,
            "withheld": report.withheld,
            "pending": report.pending,
            "unattested": report.unattested,
            "unattested_numbers": report.unattested_numbers,
            "acknowledged": report.acknowledged,
            "findings": found.collect::<Vec<_>>(),
            "suppressed": report.suppressed,
            "published_invalid": self.torn,
        })
    }
}
