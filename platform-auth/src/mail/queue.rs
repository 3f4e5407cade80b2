//! Which tenants have mail, as far as this process knows.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use platform_core::{TenantId, Timestamp};
use tokio::sync::Notify;

/// Tenants that are remembered. The mail of others is found by the next look at all tenants.
const TENANTS_MAX: usize = 65_536;

/// When each tenant's next mail is due. What is forgotten, with the process or because there are too many, still stands in the database.
///
/// Tenants take turns: the one whose mail has been due for longest is next, and of several whose is since the same instant the one that was
/// noted first.
#[derive(Debug, Default)]
pub(crate) struct MailQueue {
    entries: Mutex<Entries>,
    woken: Notify,
}

#[derive(Debug, Default)]
struct Entries {
    places: HashMap<TenantId, (Timestamp, u64)>,
    order: BTreeSet<(Timestamp, u64, TenantId)>,
    noted: u64,
}

impl MailQueue {
    /// The tenant has a mail that is due then.
    pub(crate) fn note(&self, tenant: TenantId, at: Timestamp) {
        self.put(tenant, at);
        self.woken.notify_one();
    }

    /// The same for mail that was looked at: nobody needs to look at once.
    pub(super) fn put(&self, tenant: TenantId, at: Timestamp) {
        let mut entries = self.lock();
        let known = entries.places.get(&tenant).copied();
        match known {
            Some((known, _)) if known <= at => return,
            Some((at, place)) => {
                entries.order.remove(&(at, place, tenant));
            }
            None if entries.places.len() >= TENANTS_MAX => return,
            None => {}
        }
        let place = entries.noted;
        entries.noted += 1;
        entries.places.insert(tenant, (at, place));
        entries.order.insert((at, place, tenant));
    }

    /// Takes the tenant out that is next of those whose mail is due.
    pub(super) fn take_due(&self, now: Timestamp) -> Option<TenantId> {
        let mut entries = self.lock();
        let (at, place, tenant) = entries.order.first().copied()?;
        if at > now {
            return None;
        }
        entries.order.remove(&(at, place, tenant));
        entries.places.remove(&tenant);
        Some(tenant)
    }

    /// Waits until a mail is noted.
    pub(super) async fn woken(&self) {
        self.woken.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use platform_core::Sources;
    use time::macros::datetime;

    use super::*;

    const NOW: Timestamp = datetime!(2026-01-02 03:04:05 UTC);

    #[test]
    fn whose_mail_has_been_due_for_longest_is_next_and_who_is_noted_again_comes_last() {
        let sources = Sources::system();
        let [a, b, c] = std::array::from_fn(|_| TenantId::generate(&sources));
        let second = Duration::from_secs(1);
        let queue = MailQueue::default();
        queue.note(a, NOW + second);
        queue.note(b, NOW);
        queue.note(c, NOW);
        // Mail that is due later changes nothing, and mail that is due sooner does.
        queue.note(b, NOW + second);
        queue.note(a, NOW);

        let mut turns = Vec::new();
        for _ in 0..4 {
            let tenant = queue.take_due(NOW).unwrap();
            turns.push(tenant);
            queue.put(tenant, NOW);
        }

        assert_eq!(turns, [b, c, a, b]);
        assert_eq!(queue.take_due(NOW - second), None);
    }
}
