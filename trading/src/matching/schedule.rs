//! What is to happen to orders at some time.

use std::collections::{BTreeMap, BTreeSet};

use platform_core::Timestamp;

use crate::OrderId;

/// Orders by a time of each.
#[derive(Debug, Default)]
pub(super) struct Schedule(BTreeMap<Timestamp, BTreeSet<OrderId>>);

impl Schedule {
    pub(super) fn insert(&mut self, at: Timestamp, id: OrderId) {
        self.0.entry(at).or_default().insert(id);
    }

    pub(super) fn remove(&mut self, at: Timestamp, id: OrderId) {
        if let Some(ids) = self.0.get_mut(&at) {
            ids.remove(&id);
            if ids.is_empty() {
                self.0.remove(&at);
            }
        }
    }

    /// Those whose time has come, the earliest first.
    pub(super) fn due(&self, now: Timestamp) -> impl Iterator<Item = OrderId> + '_ {
        self.0.range(..=now).flat_map(|(_, ids)| ids).copied()
    }

    /// Whether the time of any has come.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.0.first_key_value().is_some_and(|(at, _)| *at <= now)
    }
}
