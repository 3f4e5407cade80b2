//! What a process has recorded for one tenant, by number.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::spans::Spans;
use crate::ProducerId;

/// The most ranges that are kept apart for a tenant. All of them fit into the detail of an event.
const SPANS_MAX: usize = 256;

/// The numbers of one tenant: given out one after the other, each for an event, and each settled when its transaction has ended.
#[derive(Debug)]
pub(super) struct TenantCount {
    pub(super) producer: ProducerId,
    next: u64,
    /// The first that is not attested.
    from: u64,
    /// Given out and not settled: first to last.
    open: BTreeMap<u64, u64>,
    /// Given to events of which it is certain that they are not there.
    absent: Spans,
    /// Given to events of which it is not certain whether they are there.
    unknown: Spans,
    /// The last that was settled and that is not an attestation's.
    fresh_through: Option<u64>,
    /// Where the tenant stands among those that wait to be attested.
    pub(super) waiting_since: u64,
}

/// How it went with the events of a range of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Settled {
    /// All are there but those of these numbers.
    Recorded { absent: Vec<u64> },
    /// None is there.
    Absent,
    /// Nobody knows.
    Unknown,
}

/// What can be attested: how it went with every number from `from` to `through`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) producer: ProducerId,
    pub(super) from: u64,
    pub(super) through: u64,
    absent: Vec<(u64, u64)>,
    unknown: Vec<(u64, u64)>,
}

impl TenantCount {
    pub(super) const fn new(producer: ProducerId) -> Self {
        Self {
            producer,
            next: 0,
            from: 0,
            open: BTreeMap::new(),
            absent: Spans::new(),
            unknown: Spans::new(),
            fresh_through: None,
            waiting_since: 0,
        }
    }

    /// Gives out numbers; the first of them.
    pub(super) fn take(&mut self, count: u64) -> u64 {
        let first = self.next;
        self.next += count;
        self.open.insert(first, self.next - 1);
        first
    }

    /// Says how it went with numbers that were taken together. `fresh` tells that they want to be attested.
    pub(super) fn settle(&mut self, first: u64, settled: &Settled, fresh: bool) {
        let Some(last) = self.open.remove(&first) else {
            return;
        };
        match settled {
            Settled::Absent => self.absent.insert(first, last),
            Settled::Recorded { absent } => absent.iter().for_each(|one| self.absent.insert(*one, *one)),
            Settled::Unknown => self.unknown.insert(first, last),
        }
        if fresh {
            self.fresh_through = self.fresh_through.max(Some(last));
        }
        if self.absent.ranges() + self.unknown.ranges() > SPANS_MAX {
            self.coarsen();
        }
    }

    /// Whether something was settled since the last attestation.
    pub(super) fn is_fresh(&self) -> bool {
        self.fresh_through.is_some_and(|through| through >= self.from)
    }

    /// Whether nothing would be lost with it but the knowledge of its numbers.
    pub(super) fn is_idle(&self) -> bool {
        self.open.is_empty() && !self.is_fresh()
    }

    /// What can be attested now, when there is something new.
    pub(super) fn claim(&self) -> Option<Claim> {
        let end = self.open.first_key_value().map_or(self.next, |(first, _)| *first);
        let through = end.checked_sub(1).filter(|through| *through >= self.from)?;
        self.is_fresh().then(|| Claim {
            producer: self.producer,
            from: self.from,
            through,
            absent: self.absent.through(through),
            unknown: self.unknown.through(through),
        })
    }

    /// What was claimed is in the trail.
    pub(super) fn attested(&mut self, claim: &Claim) {
        if claim.producer == self.producer && claim.through >= self.from {
            self.from = claim.through + 1;
            self.absent.remove_through(claim.through);
            self.unknown.remove_through(claim.through);
        }
    }

    /// Says less, so that it takes less room: of a stretch with many ranges nothing is known any more.
    fn coarsen(&mut self) {
        let all = self.absent.through(u64::MAX).into_iter();
        let mut all: Vec<_> = all.chain(self.unknown.through(u64::MAX)).collect();
        all.sort_unstable();
        if let (Some((first, _)), Some((_, last))) = (all.first(), all.get(all.len() / 2)) {
            self.absent.remove_through(*last);
            self.unknown.insert(*first, *last);
        }
    }
}

impl Claim {
    /// The detail of the attestation: every number from `from` to `through` that is in none of the lists is that of an event which was
    /// committed.
    pub(super) fn detail(&self) -> Value {
        json!({
            "producer": self.producer,
            "from": self.from,
            "through": self.through,
            "absent": self.absent,
            "unknown": self.unknown,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use platform_core::uuid::Uuid;
    use proptest::prelude::*;

    use super::*;

    fn claimed(claim: &Claim) -> BTreeSet<u64> {
        let silent: BTreeSet<u64> = [&claim.absent, &claim.unknown]
            .into_iter()
            .flatten()
            .flat_map(|(first, last)| *first..=*last)
            .collect();
        let all = claim.from..=claim.through;
        all.filter(|number| !silent.contains(number)).collect()
    }

    #[test]
    fn however_many_ranges_there_are_the_claim_is_short_and_true() {
        let mut count = TenantCount::new(ProducerId::from_stored(Uuid::nil()));
        for at in 0..100_000 {
            let first = count.take(1);
            let settled = match at % 2 {
                0 => Settled::Absent,
                _ => Settled::Recorded { absent: Vec::new() },
            };
            count.settle(first, &settled, true);
        }

        let claim = count.claim().unwrap();

        assert!(claim.absent.len() + claim.unknown.len() <= SPANS_MAX);
        assert!(claim.detail().to_string().len() <= crate::DETAIL_BYTES_MAX);
        let claimed = claimed(&claim);
        assert!(claimed.iter().all(|number| number % 2 == 1));
        assert!(!claimed.is_empty(), "something is still said");
    }

    proptest! {
        #[test]
        fn what_is_claimed_was_committed(
            steps in prop::collection::vec((0..5_u8, 1..4_u64, any::<prop::sample::Index>(), any::<bool>()), 0..400),
        ) {
            let mut count = TenantCount::new(ProducerId::from_stored(Uuid::nil()));
            let (mut open, mut committed, mut uncertain) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
            let mut attested = BTreeSet::new();
            let mut next = 0;

            for (step, numbers, at, fresh) in steps {
                if step == 0 || open.is_empty() {
                    let first = count.take(numbers);
                    open.insert(first, numbers);
                    continue;
                }
                if step == 4 {
                    let Some(claim) = count.claim() else { continue };
                    prop_assert_eq!(claim.from, next, "no number is left out");
                    prop_assert!(open.keys().all(|first| *first > claim.through));
                    let claimed = claimed(&claim);
                    prop_assert!(claimed.is_subset(&committed));
                    // With so few ranges nothing is made coarser.
                    let certain = |number: &&u64| (claim.from..=claim.through).contains(*number) && !uncertain.contains(*number);
                    prop_assert_eq!(&claimed, &committed.iter().filter(certain).copied().collect());
                    attested.extend(claimed);
                    next = claim.through + 1;
                    count.attested(&claim);
                    continue;
                }
                let first = *open.keys().nth(at.index(open.len())).unwrap_or(&0);
                let length = open.remove(&first).unwrap_or(0);
                let all = first..first + length;
                let settled = match step {
                    1 => {
                        committed.extend(all.clone().skip(1));
                        Settled::Recorded { absent: vec![first] }
                    }
                    2 => Settled::Absent,
                    _ => {
                        committed.extend(all.clone());
                        uncertain.extend(all);
                        Settled::Unknown
                    }
                };
                count.settle(first, &settled, fresh);
            }
        }
    }
}
