//! Counting failures, and holding places for those that may come.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use platform_core::Timestamp;
use tokio::sync::Notify;

use super::{Held, ThrottleLimit};

/// The counters of all accounts, or of all addresses.
#[derive(Debug)]
pub(super) struct Counters {
    limit: ThrottleLimit,
    entries_max: usize,
    entries: Mutex<HashMap<u128, Counter>>,
    /// Tells those who wait that an attempt has ended.
    ended: Notify,
}

#[derive(Debug, Clone, Copy)]
struct Counter {
    /// When the failures are all forgotten.
    forgotten_at: Timestamp,
    /// Attempts that may yet become failures.
    going_on: u32,
}

/// One attempt's place in a counter. Until it is told otherwise it leaves nothing behind.
#[derive(Debug)]
pub(super) struct Place<'a> {
    counters: &'a Counters,
    key: u128,
    begun_at: Timestamp,
    pub(super) end: End,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    Nothing,
    Failure,
    Success,
}

impl Counters {
    pub(super) fn new(limit: ThrottleLimit, entries_max: usize) -> Self {
        Self {
            limit: limit.bounded(),
            entries_max,
            entries: Mutex::default(),
            ended: Notify::new(),
        }
    }

    pub(super) async fn place(&self, key: u128, now: Timestamp) -> Result<Place<'_>, Held> {
        loop {
            let mut ended = std::pin::pin!(self.ended.notified());
            // From here on no end is missed, also one between the look and the wait.
            ended.as_mut().enable();
            if let Some(place) = self.try_place(key, now)? {
                return Ok(place);
            }
            ended.await;
        }
    }

    /// A place, or `None` when those who are trying just now may fill them all.
    fn try_place(&self, key: u128, now: Timestamp) -> Result<Option<Place<'_>>, Held> {
        let ThrottleLimit { burst, recovery } = self.limit;
        let mut entries = self.lock();
        let known = entries.get(&key).copied();
        let counter = known.unwrap_or(Counter {
            forgotten_at: now,
            going_on: 0,
        });
        let failed = counter.forgotten_at.max(now);
        let latest = now + recovery.saturating_mul(burst);
        if failed + recovery > latest {
            let wait = failed + recovery - latest;
            return Err(Held::TooManyAttempts {
                retry_after: wait.try_into().unwrap_or(recovery),
            });
        }
        let going_on = counter.going_on + 1;
        if failed + recovery.saturating_mul(going_on) > latest {
            return Ok(None);
        }
        if known.is_none() && entries.len() >= self.entries_max {
            make_room(&mut entries, now);
        }
        entries.insert(key, Counter { going_on, ..counter });
        Ok(Some(Place {
            counters: self,
            key,
            begun_at: now,
            end: End::Nothing,
        }))
    }

    /// How many accounts or addresses are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u128, Counter>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut entries = self.counters.lock();
        if let Some(counter) = entries.get_mut(&self.key) {
            counter.going_on = counter.going_on.saturating_sub(1);
            match self.end {
                End::Nothing => {}
                End::Failure => {
                    let failed = counter.forgotten_at.max(self.begun_at);
                    counter.forgotten_at = failed + self.counters.limit.recovery;
                }
                End::Success => counter.forgotten_at = self.begun_at,
            }
            if counter.going_on == 0 && counter.forgotten_at <= self.begun_at {
                entries.remove(&self.key);
            }
        }
        drop(entries);
        self.counters.ended.notify_waiters();
    }
}

/// Drops what is forgotten anyway and at least a quarter of the rest, those with the fewest failures first: the accounts under
/// attack stay, and the cost of looking at every entry is spread over the many insertions that follow.
fn make_room(entries: &mut HashMap<u128, Counter>, now: Timestamp) {
    let stays = |counter: &Counter, threshold| counter.going_on > 0 || counter.forgotten_at > threshold;
    entries.retain(|_, counter| stays(counter, now));
    let mut instants: Vec<Timestamp> = entries.values().map(|counter| counter.forgotten_at).collect();
    if instants.is_empty() {
        return;
    }
    let at = instants.len() / 4;
    let (_, &mut threshold, _) = instants.select_nth_unstable(at);
    entries.retain(|_, counter| stays(counter, threshold));
}
