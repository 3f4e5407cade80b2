//! Which positions of a trail were deleted by right, as the trail itself says.

use std::collections::BTreeMap;

use platform_core::uuid::Uuid;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::range_set::RangeSet;
use crate::{Action, DETAIL_BYTES_MAX, Retention};

/// Events whose time is over are deleted; recorded before it is done.
pub const PRUNED: Action = Action::new("audit.prune");

/// What the JSON around the ranges takes, with room to spare.
const FRAME_BYTES: usize = 160;

/// The detail of an [`PRUNED`] event.
///
/// | member | |
/// |---|---|
/// | `class` | the retention class of the events |
/// | `ranges` | positions whose events are deleted, as `[first, last]` |
/// | `kept` | positions that an earlier event named and whose events stay after all: a hold was placed before they were deleted |
/// | `counters` | for each producer the counters of the deleted events, as `[first, last]`, so that they are not taken for a gap |
///
/// Absent members are empty. What is deleted is what the events name in the order of their positions: `ranges` add, `kept` takes away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PruneDetail {
    pub(crate) class: String,
    #[serde(default)]
    pub(crate) ranges: Vec<(u64, u64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) kept: Vec<(u64, u64)>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) counters: BTreeMap<Uuid, Vec<(u64, u64)>>,
}

/// What the events of a trail say was deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pruned {
    positions: RangeSet,
}

impl Pruned {
    /// Takes the next event of the trail that is a [`PRUNED`] one; `false` when its detail is none, so that it deletes nothing.
    pub(crate) fn apply(&mut self, detail: &Value) -> bool {
        let Ok(detail) = PruneDetail::deserialize(detail) else {
            return false;
        };
        for (first, last) in detail.ranges {
            self.positions.insert(first, last);
        }
        for (first, last) in detail.kept {
            self.positions.remove(first, last);
        }
        true
    }

    /// Whether the event of this position may be gone.
    pub(crate) fn covers(&self, seq: u64) -> bool {
        self.positions.contains(seq)
    }
}

/// An event about deletions while it is filled, as long as there is room.
#[derive(Debug)]
pub(super) struct PruneNote {
    class: Retention,
    positions: RangeSet,
    counters: BTreeMap<Uuid, RangeSet>,
    events: u64,
}

impl PruneNote {
    pub(super) fn new(class: Retention) -> Self {
        Self {
            class,
            positions: RangeSet::default(),
            counters: BTreeMap::new(),
            events: 0,
        }
    }

    /// Adds a position, with the number that its producer gave the event.
    pub(super) fn add(&mut self, seq: u64, counter: Option<(Uuid, u64)>) {
        self.positions.insert(seq, seq);
        if let Some((producer, counter)) = counter {
            self.counters
                .entry(producer)
                .or_default()
                .insert(counter, counter);
        }
        self.events += 1;
    }

    /// How many positions it names.
    pub(super) const fn events(&self) -> u64 {
        self.events
    }

    /// Whether one more position may not fit.
    pub(super) fn is_full(&self) -> bool {
        // A position begins a range of its own at most, and so does its counter, of a producer that is new.
        let one_more = 2 * RANGE_BYTES_MAX + PRODUCER_BYTES;
        let counters: usize = self
            .counters
            .values()
            .map(|set| PRODUCER_BYTES + bytes(set))
            .sum();
        FRAME_BYTES + bytes(&self.positions) + counters + one_more > DETAIL_BYTES_MAX
    }

    /// Says that the events of these positions are deleted.
    pub(super) fn into_deleted(self) -> PruneDetail {
        let counters = self
            .counters
            .iter()
            .map(|(producer, set)| (*producer, set.iter().collect()));
        PruneDetail {
            class: self.class.into(),
            ranges: self.positions.iter().collect(),
            kept: Vec::new(),
            counters: counters.collect(),
        }
    }

    /// Says that they stay after all.
    pub(super) fn into_kept(self) -> PruneDetail {
        PruneDetail {
            class: self.class.into(),
            ranges: Vec::new(),
            kept: self.positions.iter().collect(),
            counters: BTreeMap::new(),
        }
    }
}

/// `[first,last],` of the largest numbers.
const RANGE_BYTES_MAX: usize = 44;

/// `"<uuid>":[],`
const PRODUCER_BYTES: usize = 42;

fn bytes(set: &RangeSet) -> usize {
    // Numbers only grow by being joined to longer ones: take the longest there is for all.
    let longest = set.iter().next_back().map_or(0, |(_, last)| digits(last));
    set.ranges() * (2 * longest + 4)
}

fn digits(number: u64) -> usize {
    number
        .checked_ilog10()
        .map_or(1, |log| usize::try_from(log).unwrap_or(0) + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_announced_and_kept_is_not_covered() {
        let mut pruned = Pruned::default();

        assert!(pruned.apply(&json!({ "class": "operational", "ranges": [[0, 9], [20, 29]] })));
        assert!(pruned.apply(&json!({ "class": "operational", "ranges": [], "kept": [[5, 24]] })));

        let covered: Vec<u64> = (0..40).filter(|seq| pruned.covers(*seq)).collect();
        assert_eq!(covered, [0, 1, 2, 3, 4, 25, 26, 27, 28, 29]);
    }

    #[test]
    fn a_detail_of_another_form_covers_nothing() {
        let mut pruned = Pruned::default();

        for detail in [
            json!({}),
            json!(null),
            json!({ "class": "a", "ranges": [[-1, 3]] }),
            json!({ "class": "a", "ranges": [3] }),
        ] {
            assert!(!pruned.apply(&detail), "{detail}");
        }
        assert_eq!(pruned, Pruned::default());
    }

    proptest! {
        #[test]
        fn a_note_that_is_filled_until_it_is_full_fits_into_an_event(
            start in 0..u64::MAX / 2, steps in prop::collection::vec((1..5_u64, 0..3_usize, any::<u64>()), 2_000)
        ) {
            let producers = [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3)];
            let mut note = PruneNote::new(Retention::OPERATIONAL);
            let mut seqs = vec![];

            let mut seq = start;
            for (step, producer, counter) in steps {
                if note.is_full() {
                    break;
                }
                seq += step;
                note.add(seq, Some((producers[producer], counter)));
                seqs.push(seq);
            }

            prop_assert!(note.is_full());
            let detail = serde_json::to_value(note.into_deleted()).unwrap();
            prop_assert!(serde_json::to_vec(&detail).unwrap().len() <= DETAIL_BYTES_MAX);
            let mut pruned = Pruned::default();
            prop_assert!(pruned.apply(&detail));
            prop_assert!(seqs.iter().all(|seq| pruned.covers(*seq)));
        }
    }
}
