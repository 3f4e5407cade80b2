//! Sets of counters.

use std::collections::BTreeMap;

/// A set of numbers as the fewest ranges.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Spans(BTreeMap<u64, u64>);

impl Spans {
    pub(crate) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds the numbers from `first` to `last`.
    pub(crate) fn insert(&mut self, first: u64, last: u64) {
        let (mut first, mut last) = (first, last);
        // What overlaps or touches begins before the end, and the one that ends furthest is among the last.
        while let Some((&start, &end)) = self.0.range(..=last.saturating_add(1)).next_back() {
            if end.saturating_add(1) < first {
                break;
            }
            self.0.remove(&start);
            first = first.min(start);
            last = last.max(end);
        }
        self.0.insert(first, last);
    }

    /// Takes away everything up to `last`.
    pub(crate) fn remove_through(&mut self, last: u64) {
        while let Some((&start, &end)) = self.0.first_key_value()
            && start <= last
        {
            self.0.remove(&start);
            if end > last {
                self.0.insert(last + 1, end);
            }
        }
    }

    /// The ranges up to `last`, in order.
    pub(crate) fn through(&self, last: u64) -> Vec<(u64, u64)> {
        let ranges = self.0.range(..=last);
        ranges.map(|(&start, &end)| (start, end.min(last))).collect()
    }

    /// How many ranges there are.
    pub(crate) fn ranges(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::Spans;

    proptest! {
        #[test]
        fn spans_are_a_set(steps in prop::collection::vec((0..60_u64, 0..8_u64, any::<bool>()), 0..40)) {
            let (mut spans, mut set) = (Spans::default(), BTreeSet::new());

            for (first, length, insert) in steps {
                if insert {
                    spans.insert(first, first + length);
                    set.extend(first..=first + length);
                } else {
                    spans.remove_through(length);
                    set.retain(|number| *number > length);
                }
            }

            let ranges = spans.through(u64::MAX);
            let numbers: BTreeSet<_> = ranges.iter().flat_map(|(first, last)| *first..=*last).collect();
            prop_assert_eq!(&numbers, &set);
            prop_assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "the fewest: {ranges:?}");
            prop_assert_eq!(spans.ranges(), ranges.len());
            let cut: BTreeSet<_> = spans.through(30).into_iter().flat_map(|(first, last)| first..=last).collect();
            prop_assert_eq!(cut, set.range(..=30).copied().collect::<BTreeSet<_>>());
        }
    }

    #[test]
    fn the_largest_numbers_are_no_exception() {
        let mut spans = Spans::default();
        spans.insert(u64::MAX - 1, u64::MAX);
        spans.insert(0, 0);
        assert_eq!(spans.through(u64::MAX), [(0, 0), (u64::MAX - 1, u64::MAX)]);
        spans.insert(1, u64::MAX - 2);
        assert_eq!(spans.through(u64::MAX), [(0, u64::MAX)]);
    }
}
