//! A set of numbers as ranges.

use std::collections::BTreeMap;

/// Numbers, kept as ranges that neither overlap nor touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RangeSet {
    /// The last number of each range under its first.
    ranges: BTreeMap<u64, u64>,
}

impl RangeSet {
    /// Adds the numbers from `first` to `last`; none when `last` is less.
    pub(crate) fn insert(&mut self, first: u64, last: u64) {
        if first > last {
            return;
        }
        let (mut first, mut last) = (first, last);
        while let Some((start, end)) = self.joining(first, last) {
            self.ranges.remove(&start);
            first = first.min(start);
            last = last.max(end);
        }
        self.ranges.insert(first, last);
    }

    /// Takes the numbers from `first` to `last` out.
    pub(crate) fn remove(&mut self, first: u64, last: u64) {
        if first > last {
            return;
        }
        while let Some((start, end)) = self.overlapping(first, last) {
            self.ranges.remove(&start);
            if let Some(before) = first.checked_sub(1).filter(|before| *before >= start) {
                self.ranges.insert(start, before);
            }
            if let Some(after) = last.checked_add(1).filter(|after| *after <= end) {
                self.ranges.insert(after, end);
            }
        }
    }

    pub(crate) fn contains(&self, number: u64) -> bool {
        self.overlapping(number, number).is_some()
    }

    /// The ranges in order, both ends included.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, u64)> + '_ {
        self.ranges.iter().map(|(first, last)| (*first, *last))
    }

    /// How many ranges there are.
    pub(crate) fn ranges(&self) -> usize {
        self.ranges.len()
    }

    /// The last range that has a number of these.
    fn overlapping(&self, first: u64, last: u64) -> Option<(u64, u64)> {
        let (start, end) = self.ranges.range(..=last).next_back()?;
        (*end >= first).then_some((*start, *end))
    }

    /// The last range that overlaps or touches these.
    fn joining(&self, first: u64, last: u64) -> Option<(u64, u64)> {
        let (start, end) = self.ranges.range(..=last.saturating_add(1)).next_back()?;
        (end.saturating_add(1) >= first).then_some((*start, *end))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ends_of_all_numbers_are_kept() {
        let mut set = RangeSet::default();

        set.insert(u64::MAX, u64::MAX);
        set.insert(0, 0);
        set.insert(u64::MAX - 1, u64::MAX - 1);

        assert_eq!(set.iter().collect::<Vec<_>>(), [(0, 0), (u64::MAX - 1, u64::MAX)]);
        set.remove(0, u64::MAX);
        assert_eq!(set.ranges(), 0);
    }

    proptest! {
        #[test]
        fn it_holds_the_numbers_that_a_plain_set_would(
            steps in prop::collection::vec((any::<bool>(), 0..40_u64, 0..8_u64), 1..40)
        ) {
            let (mut set, mut plain) = (RangeSet::default(), BTreeSet::new());

            for (adds, first, length) in steps {
                let last = first + length;
                if adds {
                    set.insert(first, last);
                    plain.extend(first..=last);
                } else {
                    set.remove(first, last);
                    plain.retain(|number| !(first..=last).contains(number));
                }
            }

            let numbers: BTreeSet<u64> = set.iter().flat_map(|(first, last)| first..=last).collect();
            prop_assert_eq!(&numbers, &plain);
            prop_assert!((0..60).all(|number| set.contains(number) == plain.contains(&number)));
            let touching = set.iter().zip(set.iter().skip(1)).any(|((_, last), (first, _))| last + 1 >= first);
            prop_assert!(!touching);
            prop_assert_eq!(set.ranges(), set.iter().count());
        }
    }
}
