//! Spans of time in which something holds.

use crate::Timestamp;

/// A span of time: from an instant on, that instant included, until another, that one excluded. Either side may be open.
///
/// ```
/// use platform_core::Window;
/// use time::macros::datetime;
///
/// let shift = Window::new(None, Some(datetime!(2026-01-02 18:00 UTC))).expect("it is not empty");
/// assert!(shift.contains(datetime!(2026-01-02 17:59:59.999 UTC)));
/// assert!(!shift.contains(datetime!(2026-01-02 18:00 UTC)));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Window {
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Window {
    /// All of time.
    pub const ALWAYS: Self = Self {
        from: None,
        until: None,
    };

    /// The span between two instants; `None` when it holds no instant.
    pub fn new(from: Option<Timestamp>, until: Option<Timestamp>) -> Option<Self> {
        match (from, until) {
            (Some(from), Some(until)) if from >= until => None,
            _ => Some(Self { from, until }),
        }
    }

    /// The first instant in it; `None` when it has always been.
    pub fn from(self) -> Option<Timestamp> {
        self.from
    }

    /// The first instant after it; `None` when it never ends.
    pub fn until(self) -> Option<Timestamp> {
        self.until
    }

    /// Is the instant in it?
    pub fn contains(self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }

    /// Is all of the other in it?
    pub fn covers(self, other: Self) -> bool {
        self.begins_no_later_than(other.from) && !self.ends_before(other.until)
    }

    /// What of it lies at or after an instant; `None` when nothing does.
    pub fn since(self, at: Timestamp) -> Option<Self> {
        let from = self.from.map_or(at, |from| from.max(at));
        Self::new(Some(from), self.until)
    }

    fn begins_no_later_than(self, from: Option<Timestamp>) -> bool {
        self.from.is_none_or(|own| from.is_some_and(|from| own <= from))
    }

    fn ends_before(self, until: Option<Timestamp>) -> bool {
        self.until
            .is_some_and(|own| until.is_none_or(|until| own < until))
    }
}

/// Is every instant of a window in one of two lists, each [merged](merged)? Looks up one instant after another at which a window of
/// either list ends, so that it takes no longer for what lies outside the window.
pub(crate) fn covered_by(window: Window, lists: [&[Window]; 2]) -> bool {
    // Whatever is before this is covered; `None` before anything is.
    let mut covered = window.from;
    loop {
        let ends = lists.into_iter().filter_map(|list| holding(list, covered));
        // Of two the one that lasts longer, and for ever is longest.
        let ends = ends
            .map(|held| held.until)
            .reduce(|a, b| a.zip(b).map(|(a, b)| a.max(b)));
        match (ends, window.until) {
            (None, _) => return false,
            (Some(None), _) => return true,
            (Some(Some(until)), Some(end)) if end <= until => return true,
            (Some(until), _) => covered = until,
        }
    }
}

/// The window of a merged list that an instant is in, or the beginning of time.
fn holding(merged: &[Window], at: Option<Timestamp>) -> Option<Window> {
    let begun = merged.partition_point(|window| window.begins_no_later_than(at));
    let last_begun = begun.checked_sub(1).and_then(|last| merged.get(last))?;
    let is_over = last_begun
        .until
        .is_some_and(|until| at.is_some_and(|at| until <= at));
    (!is_over).then_some(*last_begun)
}

/// The same instants as the windows cover together, in as few as possible, in order.
pub(crate) fn merged(mut windows: Vec<Window>) -> Vec<Window> {
    // An open beginning is before every other.
    windows.sort_by_key(|window| window.from);
    let mut merged: Vec<Window> = Vec::with_capacity(windows.len().min(4));
    for window in windows {
        match merged.last_mut() {
            // They meet or overlap: `until` is the first instant outside, where the next may begin.
            Some(last)
                if last
                    .until
                    .is_none_or(|until| window.from.is_none_or(|from| from <= until)) =>
            {
                if last.ends_before(window.until) {
                    last.until = window.until;
                }
            }
            _ => merged.push(window),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_timestamp(second).unwrap()
    }

    fn window() -> impl Strategy<Value = Window> {
        let side = || proptest::option::weighted(0.8, 0_i64..20);
        (side(), side()).prop_filter_map("it is not empty", |(from, until)| {
            Window::new(from.map(at), until.map(at))
        })
    }

    #[test]
    fn a_window_without_an_instant_cannot_be_made() {
        assert_eq!(Window::new(Some(at(1)), Some(at(1))), None);
        assert_eq!(Window::new(Some(at(2)), Some(at(1))), None);
        assert!(Window::new(Some(at(1)), Some(at(2))).is_some());
    }

    proptest! {
        #[test]
        fn two_lists_cover_a_window_when_they_do_merged_into_one(
            one in proptest::collection::vec(window(), 0..6),
            other in proptest::collection::vec(window(), 0..6),
            window in window(),
        ) {
            let together = merged([one.clone(), other.clone()].concat());
            let expected = together.into_iter().any(|held| held.covers(window));

            prop_assert_eq!(covered_by(window, [&merged(one), &merged(other)]), expected);
        }

        #[test]
        fn merging_changes_no_instant_and_leaves_gaps_between(windows in proptest::collection::vec(window(), 0..8)) {
            let merged = merged(windows.clone());

            for second in -1..22 {
                let instant = at(second);
                let before = windows.iter().any(|window| window.contains(instant));
                prop_assert_eq!(merged.iter().any(|window| window.contains(instant)), before);
            }
            for pair in merged.windows(2) {
                prop_assert!(pair[0].until.unwrap() < pair[1].from.unwrap());
            }
        }

        #[test]
        fn one_window_covers_another_when_it_holds_each_of_its_instants(one in window(), other in window()) {
            // Whatever has an open side reaches past the instants that are looked at.
            let instants = -1..22;
            let each = instants.map(at).all(|instant| !other.contains(instant) || one.contains(instant));

            prop_assert_eq!(one.covers(other), each);
        }

        #[test]
        fn what_is_left_of_a_window_is_the_part_at_and_after_the_instant(window in window(), since in 0_i64..20) {
            let left = window.since(at(since));

            for second in -1..22 {
                let expected = second >= since && window.contains(at(second));
                prop_assert_eq!(left.is_some_and(|left| left.contains(at(second))), expected);
            }
        }
    }
}
