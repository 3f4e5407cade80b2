//! Who was refused how often, and how many of those refusals no event tells of yet.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use platform_core::{PrincipalId, TenantId, Timestamp};

use super::RefusalConfig;
use crate::ThrottleLimit;

/// Under whom refusals are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Who {
    pub(crate) tenant: TenantId,
    /// `None` for all those whom nobody knows.
    pub(crate) caller: Option<PrincipalId>,
}

impl Who {
    pub(crate) fn stranger(tenant: TenantId) -> Self {
        Self { tenant, caller: None }
    }
}

/// The counts of this process.
#[derive(Debug)]
pub(crate) struct Ledger {
    config: RefusalConfig,
    entries: Mutex<HashMap<Who, Entry>>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// When the events of late are all forgotten (the generic cell rate algorithm).
    forgotten_at: Timestamp,
    /// Refusals that no event tells of yet.
    uncounted: u64,
    /// When the first of those came.
    since: Timestamp,
}

/// Refusals that no event tells of, and that nobody has added to for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) who: Who,
    pub(crate) uncounted: u64,
    pub(crate) since: Timestamp,
}

impl Ledger {
    pub(crate) fn new(config: RefusalConfig) -> Self {
        Self {
            config: RefusalConfig {
                caller: config.caller.bounded(),
                strangers: config.strangers.bounded(),
                entries_max: config.entries_max,
            },
            entries: Mutex::default(),
        }
    }

    /// Whether this refusal gets an event, and then how many that got none it has to tell of. Otherwise it is counted.
    pub(crate) fn admit(&self, who: Who, now: Timestamp) -> Option<u64> {
        let admitted = self.admit_uncounted(who, now);
        if admitted.is_none() {
            self.count(who, now);
        }
        admitted
    }

    /// The same, but for the counting: for whoever sees to it otherwise that the refusal is told of.
    pub(crate) fn admit_uncounted(&self, who: Who, now: Timestamp) -> Option<u64> {
        let mut entries = self.lock();
        let who = self.known(&mut entries, who, now);
        let ThrottleLimit { burst, recovery } = self.limit(who);
        let entry = entries.entry(who).or_insert(Entry::new(now));
        let recorded = entry.forgotten_at.max(now) + recovery;
        if recorded > now + recovery.saturating_mul(burst) {
            return None;
        }
        entry.forgotten_at = recorded;
        Some(std::mem::take(&mut entry.uncounted))
    }

    /// Counts what gets no event in any case.
    pub(crate) fn count(&self, who: Who, now: Timestamp) {
        let mut entries = self.lock();
        let who = self.known(&mut entries, who, now);
        entries.entry(who).or_insert(Entry::new(now)).count(1, now);
    }

    /// Counts again what an event should have told of that was not recorded, and the event itself.
    pub(crate) fn give_back(&self, who: Who, uncounted: u64) {
        let mut entries = self.lock();
        let who = match entries.contains_key(&who) {
            true => who,
            false => Who::stranger(who.tenant),
        };
        if let Some(entry) = entries.get_mut(&who) {
            entry.uncounted = entry.uncounted.saturating_add(uncounted).saturating_add(1);
        }
    }

    /// Takes what no event has told of since `before`, and forgets who has nothing left.
    pub(crate) fn take_left(&self, before: Timestamp, now: Timestamp) -> Vec<Left> {
        let mut entries = self.lock();
        let mut left = Vec::new();
        entries.retain(|who, entry| {
            if entry.uncounted > 0 && entry.since <= before {
                left.push(Left {
                    who: *who,
                    uncounted: std::mem::take(&mut entry.uncounted),
                    since: entry.since,
                });
            }
            entry.uncounted > 0 || entry.forgotten_at > now
        });
        left
    }

    /// Puts back what could not be recorded.
    pub(crate) fn put_back(&self, left: Left, now: Timestamp) {
        let mut entries = self.lock();
        let entry = entries.entry(left.who).or_insert(Entry::new(now));
        entry.count(left.uncounted, left.since);
        entry.since = entry.since.min(left.since);
    }

    fn limit(&self, who: Who) -> ThrottleLimit {
        match who.caller {
            Some(_) => self.config.caller,
            None => self.config.strangers,
        }
    }

    /// Who it is counted under: one more than can be remembered is a stranger.
    fn known(&self, entries: &mut HashMap<Who, Entry>, who: Who, now: Timestamp) -> Who {
        if entries.contains_key(&who) || entries.len() < self.config.entries_max {
            return who;
        }
        entries.retain(|_, entry| entry.uncounted > 0 || entry.forgotten_at > now);
        match entries.len() < self.config.entries_max {
            true => who,
            // Their number is that of the tenants.
            false => Who::stranger(who.tenant),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Who, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn new(now: Timestamp) -> Self {
        Self {
            forgotten_at: now,
            uncounted: 0,
            since: now,
        }
    }

    fn count(&mut self, more: u64, since: Timestamp) {
        if self.uncounted == 0 {
            self.since = since;
        }
        self.uncounted = self.uncounted.saturating_add(more);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use platform_core::Sources;
    use time::macros::datetime;

    use super::*;

    const NOW: Timestamp = datetime!(2026-01-02 03:04:05 UTC);
    const MINUTE: Duration = Duration::from_secs(60);

    fn ledger(entries_max: usize) -> Ledger {
        let limit = |burst| ThrottleLimit {
            burst,
            recovery: MINUTE,
        };
        Ledger::new(RefusalConfig {
            caller: limit(3),
            strangers: limit(5),
            entries_max,
        })
    }

    fn caller(tenant: TenantId) -> Who {
        Who {
            tenant,
            caller: Some(PrincipalId::generate(&Sources::system())),
        }
    }

    fn tenant() -> TenantId {
        TenantId::generate(&Sources::system())
    }

    #[test]
    fn past_the_burst_refusals_are_counted_and_the_next_event_tells_how_many() {
        let ledger = ledger(10);
        let who = caller(tenant());

        for _ in 0..3 {
            assert_eq!(ledger.admit(who, NOW), Some(0));
        }
        for _ in 0..1_000 {
            assert_eq!(ledger.admit(who, NOW), None);
        }

        assert_eq!(ledger.admit(who, NOW + MINUTE), Some(1_000));
        assert_eq!(ledger.admit(who, NOW + MINUTE), None);
        assert_eq!(ledger.admit(who, NOW + MINUTE * 3), Some(1));
        assert_eq!(ledger.admit(who, NOW + MINUTE * 3), Some(0));
    }

    #[test]
    fn one_caller_uses_up_nobody_elses_share() {
        let ledger = ledger(10);
        let acme = tenant();
        let (one, other) = (caller(acme), caller(acme));
        while ledger.admit(one, NOW).is_some() {}

        assert_eq!(ledger.admit(other, NOW), Some(0));
        assert_eq!(ledger.admit(Who::stranger(acme), NOW), Some(0));
    }

    #[test]
    fn what_no_event_has_told_of_for_a_while_is_left_and_comes_back_when_it_cannot_be_recorded() {
        let ledger = ledger(10);
        let who = caller(tenant());
        for _ in 0..5 {
            ledger.admit(who, NOW);
        }

        assert_eq!(ledger.take_left(NOW - MINUTE, NOW), []);
        let left = ledger.take_left(NOW, NOW + MINUTE);
        assert_eq!(
            left,
            [Left {
                who,
                uncounted: 2,
                since: NOW
            }]
        );
        assert_eq!(ledger.take_left(NOW + MINUTE, NOW + MINUTE), []);
        ledger.put_back(left[0], NOW + MINUTE);
        assert_eq!(ledger.take_left(NOW + MINUTE, NOW + MINUTE), left);
    }

    #[test]
    fn an_event_that_was_not_recorded_is_counted_with_those_it_should_have_told_of() {
        let ledger = ledger(10);
        let who = caller(tenant());
        for _ in 0..5 {
            ledger.admit(who, NOW);
        }

        let uncounted = ledger.admit(who, NOW + MINUTE).unwrap();
        ledger.give_back(who, uncounted);

        assert_eq!(uncounted, 2);
        assert_eq!(ledger.admit(who, NOW + MINUTE * 2), Some(3));
    }

    #[test]
    fn more_callers_than_can_be_remembered_share_what_strangers_have() {
        let ledger = ledger(2);
        let acme = tenant();
        for _ in 0..2 {
            assert_eq!(ledger.admit(caller(acme), NOW), Some(0));
        }

        let admitted = (0..20).filter(|_| ledger.admit(caller(acme), NOW).is_some());
        assert_eq!(admitted.count(), 5);
        // Who is forgotten makes room.
        assert_eq!(ledger.admit(caller(acme), NOW + MINUTE * 10), Some(0));
    }
}
