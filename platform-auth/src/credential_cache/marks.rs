//! Since when what is remembered of a principal or a tenant is out of date.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use platform_core::pg::{TenantTx, TxEnd};
use platform_core::uuid::Uuid;

/// How many marks there are. Ids that share one cost each other a question now and then, and nothing else.
const SLOTS: usize = 8192;

/// Counts changes, and notes for each principal and tenant which was the last one about it.
///
/// Whoever asks the database takes the [turn](Self::turn) first. What comes back is good as long as no change has been noted since that
/// turn: one that was asked for before a change and arrives after it is out of date when it arrives, however the two race.
#[derive(Debug)]
pub(crate) struct Marks {
    turn: AtomicU64,
    everything: AtomicU64,
    slots: Box<[AtomicU64]>,
}

/// Where the marks of an id are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(usize);

impl Slot {
    pub(super) fn of(id: Uuid) -> Self {
        // The end of an id is random in both of the versions that there are.
        let [.., high, low] = id.into_bytes();
        Self(usize::from(u16::from_be_bytes([high, low])) % SLOTS)
    }
}

impl Marks {
    pub(crate) fn new() -> Self {
        Self {
            turn: AtomicU64::new(0),
            everything: AtomicU64::new(0),
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// To be taken before the database is asked.
    pub(super) fn turn(&self) -> u64 {
        self.turn.load(Ordering::SeqCst)
    }

    /// Something about this principal or tenant has changed, and whoever asks from now on is told.
    pub(crate) fn mark(&self, id: Uuid) {
        if let Some(slot) = self.slots.get(Slot::of(id).0) {
            slot.fetch_max(self.next(), Ordering::SeqCst);
        }
    }

    /// Has this instance ask anew about a principal or a tenant as soon as the change that the transaction makes is durable: before its
    /// commit has answered. The other instances are told by the database.
    pub(crate) fn mark_after(self: &Arc<Self>, tx: &mut TenantTx, id: Uuid) {
        let marks = Arc::clone(self);
        tx.on_end(move |end| {
            if end != TxEnd::RolledBack {
                marks.mark(id);
            }
        });
    }

    /// Anything may have changed, such as when messages were missed.
    pub(crate) fn mark_everything(&self) {
        self.everything.fetch_max(self.next(), Ordering::SeqCst);
    }

    /// Has nothing about these been noted since the turn?
    pub(super) fn are_quiet_since(&self, turn: u64, slots: [Slot; 2]) -> bool {
        let is_quiet = |mark: &AtomicU64| mark.load(Ordering::SeqCst) <= turn;
        let quiet = |slot: Slot| self.slots.get(slot.0).is_some_and(is_quiet);
        is_quiet(&self.everything) && slots.into_iter().all(quiet)
    }

    fn next(&self) -> u64 {
        self.turn.fetch_add(1, Ordering::SeqCst) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(user: u128, tenant: u128) -> [Slot; 2] {
        [user, tenant].map(|id| Slot::of(Uuid::from_u128(id)))
    }

    #[test]
    fn what_was_asked_for_before_a_change_is_out_of_date_and_what_was_asked_for_after_it_is_not() {
        let marks = Marks::new();
        let before = marks.turn();
        marks.mark(Uuid::from_u128(1));
        let after = marks.turn();

        assert!(!marks.are_quiet_since(before, slots(1, 9)));
        assert!(!marks.are_quiet_since(before, slots(9, 1)));
        assert!(marks.are_quiet_since(before, slots(2, 9)));
        assert!(marks.are_quiet_since(after, slots(1, 9)));
    }

    #[test]
    fn a_gap_is_about_everybody() {
        let marks = Marks::new();
        let before = marks.turn();
        marks.mark_everything();

        assert!(!marks.are_quiet_since(before, slots(1, 2)));
        assert!(marks.are_quiet_since(marks.turn(), slots(1, 2)));
    }
}
