//! Positions in any pattern, one bit each.

use std::collections::BTreeMap;

const WORDS: usize = 64;
const CHUNK: u64 = 4_096;
const WORD: u64 = 64;

/// A set of positions that costs a bit for each, and next to nothing where all or none of them are in it: positions whose events
/// were pruned by class alternate with others that were not, for millions of positions.
#[derive(Debug, Default)]
pub(super) struct Places {
    chunks: BTreeMap<u64, Chunk>,
}

#[derive(Debug)]
enum Chunk {
    Full,
    Bits(Box<[u64; WORDS]>),
}

impl Places {
    /// Adds `first..=last`; nothing when `last` is below `first`.
    pub(super) fn insert(&mut self, first: u64, last: u64) {
        for (index, mask) in masks(first, last) {
            self.chunks.entry(index).or_insert_with(Chunk::empty).add(&mask);
        }
    }

    /// Takes `first..=last` out.
    pub(super) fn remove(&mut self, first: u64, last: u64) {
        for (index, mask) in masks(first, last) {
            if let Some(chunk) = self.chunks.get_mut(&index) {
                chunk.remove(&Chunk::Bits(Box::new(mask)));
                if chunk.is_empty() {
                    self.chunks.remove(&index);
                }
            }
        }
    }

    /// Takes the positions of another set out, and says how many of them were in this one.
    pub(super) fn remove_all(&mut self, other: &Self) -> u64 {
        let mut removed = 0;
        for (index, theirs) in &other.chunks {
            let Some(ours) = self.chunks.get_mut(index) else {
                continue;
            };
            removed += ours.remove(theirs);
            if ours.is_empty() {
                self.chunks.remove(index);
            }
        }
        removed
    }

    /// Adds the positions of another set.
    pub(super) fn absorb(&mut self, other: Self) {
        for (index, theirs) in other.chunks {
            let ours = self.chunks.entry(index).or_insert_with(Chunk::empty);
            match theirs {
                Chunk::Full => *ours = Chunk::Full,
                Chunk::Bits(bits) => ours.add(&bits),
            }
        }
    }

    /// Its runs in order.
    pub(super) fn runs(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut runs = self
            .chunks
            .iter()
            .flat_map(|(index, chunk)| chunk.runs(index * CHUNK))
            .peekable();
        std::iter::from_fn(move || {
            let (first, mut last) = runs.next()?;
            while let Some((_, end)) = runs.next_if(|(start, _)| last.checked_add(1) == Some(*start)) {
                last = end;
            }
            Some((first, last))
        })
    }
}

/// The chunks in which `first..=last` is, and which bits of each.
fn masks(first: u64, last: u64) -> impl Iterator<Item = (u64, [u64; WORDS])> {
    let chunks = (first <= last).then_some(first / CHUNK..=last / CHUNK);
    chunks.into_iter().flatten().map(move |index| {
        let start = index * CHUNK;
        (
            index,
            mask(first.saturating_sub(start), (last - start).min(CHUNK - 1)),
        )
    })
}

/// The bits from one to another, both included.
fn mask(from: u64, to: u64) -> [u64; WORDS] {
    let mut mask = [0; WORDS];
    for (bits, start) in mask.iter_mut().zip((0..CHUNK).step_by(64)) {
        let (low, high) = (from.max(start), to.min(start + WORD - 1));
        if low <= high {
            *bits = (u64::MAX >> (WORD - 1 - (high - low))) << (low - start);
        }
    }
    mask
}

impl Chunk {
    fn empty() -> Self {
        Self::Bits(Box::new([0; WORDS]))
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Bits(bits) if bits.iter().all(|word| *word == 0))
    }

    fn add(&mut self, mask: &[u64; WORDS]) {
        let Self::Bits(bits) = self else { return };
        for (word, mask) in bits.iter_mut().zip(mask) {
            *word |= mask;
        }
        if bits.iter().all(|word| *word == u64::MAX) {
            *self = Self::Full;
        }
    }

    fn remove(&mut self, other: &Self) -> u64 {
        let mut ours = match self {
            Self::Full => Box::new([u64::MAX; WORDS]),
            Self::Bits(bits) => std::mem::replace(bits, Box::new([0; WORDS])),
        };
        let mut removed = 0;
        for (at, word) in ours.iter_mut().enumerate() {
            let mask = match other {
                Self::Full => u64::MAX,
                Self::Bits(bits) => bits.get(at).copied().unwrap_or(0),
            };
            removed += u64::from((*word & mask).count_ones());
            *word &= !mask;
        }
        *self = Self::Bits(ours);
        removed
    }

    fn runs(&self, start: u64) -> Vec<(u64, u64)> {
        let Self::Bits(bits) = self else {
            return vec![(start, start + (CHUNK - 1))];
        };
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for (word, at) in bits.iter().zip((0..CHUNK).step_by(64)) {
            let mut rest = *word;
            while rest != 0 {
                let from = u64::from(rest.trailing_zeros());
                let len = u64::from((rest >> from).trailing_ones());
                let first = start + at + from;
                match runs.last_mut() {
                    Some((_, last)) if *last + 1 == first => *last = first + (len - 1),
                    _ => runs.push((first, first + (len - 1))),
                }
                rest &= !((u64::MAX >> (WORD - len)) << from);
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn places(runs: &[(u64, u64)]) -> (Places, BTreeSet<u64>) {
        let (mut places, mut plain) = (Places::default(), BTreeSet::new());
        for (first, len) in runs {
            places.insert(*first, first + len);
            plain.extend(*first..=first + len);
        }
        (places, plain)
    }

    fn members(places: &Places) -> BTreeSet<u64> {
        places.runs().flat_map(|(first, last)| first..=last).collect()
    }

    fn runs() -> impl Strategy<Value = Vec<(u64, u64)>> {
        prop::collection::vec((0..20_000_u64, 0..9_000_u64), 0..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50))]

        #[test]
        fn places_are_the_set_that_was_put_in(ours in runs(), theirs in runs(), (first, len) in (0..20_000_u64, 0..9_000_u64)) {
            let ((mut places, mut plain), (other, others)) = (places(&ours), places(&theirs));
            prop_assert_eq!(&members(&places), &plain);
            let runs: Vec<_> = places.runs().collect();
            prop_assert!(runs.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            places.remove(first, first + len);
            plain.retain(|place| !(first..=first + len).contains(place));
            prop_assert_eq!(&members(&places), &plain);
            let removed = places.remove_all(&other);
            prop_assert_eq!(removed, plain.intersection(&others).count() as u64);
            let mut rest: BTreeSet<u64> = plain.difference(&others).copied().collect();
            prop_assert_eq!(&members(&places), &rest);
            places.absorb(other);
            rest.extend(others);
            prop_assert_eq!(members(&places), rest);
        }
    }

    #[test]
    fn the_largest_places_there_are_fit() {
        let mut places = Places::default();
        places.insert(u64::MAX - 5_000, u64::MAX);
        places.insert(7, 3);
        assert_eq!(places.runs().collect::<Vec<_>>(), [(u64::MAX - 5_000, u64::MAX)]);
    }
}
