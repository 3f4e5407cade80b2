//! Numbers that mostly follow one another.

use std::collections::BTreeMap;

/// A set of numbers, kept as its runs: as small as it has gaps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Spans {
    /// The last number of each run, by the first.
    runs: BTreeMap<u64, u64>,
}

impl Spans {
    /// Adds `first..=last`; nothing when `last` is below `first`.
    pub(super) fn insert(&mut self, first: u64, last: u64) {
        if last < first {
            return;
        }
        let (mut first, mut last) = (first, last);
        // The run that begins before and reaches up to here …
        if let Some((&start, &end)) = self.runs.range(..first).next_back()
            && end >= first - 1
        {
            first = start;
            last = last.max(end);
        }
        // … and all that begin within or right behind.
        let reach = last.saturating_add(1);
        let swallowed: Vec<u64> = self.runs.range(first..=reach).map(|(&start, _)| start).collect();
        for start in swallowed {
            last = self.runs.remove(&start).map_or(last, |end| end.max(last));
        }
        self.runs.insert(first, last);
    }

    /// Takes `first..=last` out and says how many numbers that were.
    pub(super) fn remove(&mut self, first: u64, last: u64) -> u64 {
        let mut removed = 0_u64;
        for (start, end) in self.within(first, last) {
            removed = removed.saturating_add((end - start).saturating_add(1));
            let Some((&run, &run_end)) = self.runs.range(..=start).next_back() else {
                continue;
            };
            self.runs.remove(&run);
            if run < start {
                self.runs.insert(run, start - 1);
            }
            if end < run_end {
                self.runs.insert(end + 1, run_end);
            }
        }
        removed
    }

    /// The runs inside `first..=last`, cut at its ends.
    pub(super) fn within(&self, first: u64, last: u64) -> Vec<(u64, u64)> {
        if last < first {
            return Vec::new();
        }
        let before = self.runs.range(..first).next_back();
        let runs = before.into_iter().chain(self.runs.range(first..=last));
        runs.filter(|(_, end)| **end >= first)
            .map(|(&start, &end)| (start.max(first), end.min(last)))
            .collect()
    }

    /// The runs of `first..=last` that are not in the set.
    pub(super) fn holes(&self, first: u64, last: u64) -> Vec<(u64, u64)> {
        let mut holes = Vec::new();
        let mut next = Some(first);
        for (start, end) in self.within(first, last) {
            if let Some(next) = next.filter(|next| *next < start) {
                holes.push((next, start - 1));
            }
            next = end.checked_add(1);
        }
        if let Some(next) = next.filter(|next| *next <= last) {
            holes.push((next, last));
        }
        holes
    }

    pub(super) fn runs(&self) -> impl Iterator<Item = (u64, u64)> {
        self.runs.iter().map(|(&start, &end)| (start, end))
    }

    pub(super) fn last(&self) -> Option<u64> {
        self.runs.last_key_value().map(|(_, end)| *end)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How many numbers are in it.
    pub(super) fn count(&self) -> u64 {
        self.runs().fold(0, |count, (start, end)| {
            count.saturating_add((end - start).saturating_add(1))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn run() -> impl Strategy<Value = (u64, u64)> {
        prop_oneof![
            (0..60_u64, 0..12_u64).prop_map(|(first, len)| (first, first + len)),
            (0..12_u64, 0..12_u64).prop_map(|(below, len)| (u64::MAX - below - len, u64::MAX - below)),
        ]
    }

    fn plain(runs: &[(u64, u64)]) -> BTreeSet<u64> {
        runs.iter().flat_map(|(first, last)| *first..=*last).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50))]

        #[test]
        fn spans_are_the_set_that_was_put_in(changes in prop::collection::vec((run(), any::<bool>()), 0..30), asked in run()) {
            let (mut spans, mut set) = (Spans::default(), BTreeSet::new());
            for ((first, last), add) in changes {
                if add {
                    spans.insert(first, last);
                    set.extend(first..=last);
                } else {
                    let before = set.len() as u64;
                    let removed = spans.remove(first, last);
                    set.retain(|number| !(first..=last).contains(number));
                    prop_assert_eq!(removed, before - set.len() as u64);
                }
            }
            let runs: Vec<_> = spans.runs().collect();
            prop_assert_eq!(&plain(&runs), &set);
            prop_assert!(runs.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            prop_assert_eq!(spans.count(), set.len() as u64);
            prop_assert_eq!(spans.last(), set.last().copied());
            let asked_for: BTreeSet<u64> = (asked.0..=asked.1).collect();
            prop_assert_eq!(plain(&spans.within(asked.0, asked.1)), &set & &asked_for);
            prop_assert_eq!(plain(&spans.holes(asked.0, asked.1)), &asked_for - &set);
        }
    }
}
