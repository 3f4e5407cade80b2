//! A page of what was found, put together from several scans.

use std::collections::BTreeMap;

use crate::{EventId, RecordedEvent};

/// Some of the events that were looked for, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct EventList {
    /// The events.
    pub events: Vec<RecordedEvent>,
    /// Where the next page begins: give it to [`EventPage::before`](crate::EventPage::before). `None` when everything was looked
    /// through. A page may be short, even empty, and have a next one.
    pub next: Option<EventId>,
}

/// What one scan from the newest event down has found.
pub(super) struct Scan {
    pub(super) events: Vec<RecordedEvent>,
    /// The last event it has looked at; `None` when it came to the end.
    pub(super) down_to: Option<EventId>,
}

impl EventList {
    /// The newest events of all scans, as far down as every one of them has come.
    pub(super) fn of_scans(scans: Vec<Scan>, limit: usize) -> Self {
        let down_to = scans.iter().filter_map(|scan| scan.down_to).max();
        let mut found: BTreeMap<EventId, RecordedEvent> = BTreeMap::new();
        for event in scans.into_iter().flat_map(|scan| scan.events) {
            if down_to.is_none_or(|down_to| event.id >= down_to) {
                found.insert(event.id, event);
            }
        }
        let more = found.len() > limit;
        let events: Vec<_> = found.into_values().rev().take(limit).collect();
        let next = if more {
            events.last().map(|last| last.id)
        } else {
            down_to
        };
        Self { events, next }
    }
}
