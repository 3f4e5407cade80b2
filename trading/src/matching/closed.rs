//! The orders that were closed last.

use std::collections::{HashSet, VecDeque};

use crate::OrderId;

/// So many are remembered: far more than are closed while what is known of one order overtakes something older.
const REMEMBERED_MAX: usize = 8_192;

/// The ids of orders that are final. Whoever brings an older state of one of them comes too late: a final order stays final.
#[derive(Debug, Default)]
pub(super) struct Closed {
    ids: HashSet<OrderId>,
    oldest_first: VecDeque<OrderId>,
}

impl Closed {
    pub(super) fn add(&mut self, id: OrderId) {
        if !self.ids.insert(id) {
            return;
        }
        self.oldest_first.push_back(id);
        if self.oldest_first.len() > REMEMBERED_MAX
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }

    pub(super) fn has(&self, id: OrderId) -> bool {
        self.ids.contains(&id)
    }
}
