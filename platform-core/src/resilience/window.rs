//! Counts of the last few seconds.

use std::time::Duration;

/// How finely time is divided: what is counted is as old as the window at most, and a tenth less at least.
pub(super) const SLICES: u32 = 10;

/// Calls and failures of the last while, in slices of time that are forgotten one by one.
#[derive(Debug, Clone)]
pub(super) struct Window {
    slice: Duration,
    counts: [Count; SLICES as usize],
    /// The number of the newest slice since the beginning of time.
    newest: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    calls: u64,
    failures: u64,
}

impl Window {
    pub(super) fn new(length: Duration) -> Self {
        Self {
            slice: length / SLICES,
            counts: [Count::default(); SLICES as usize],
            newest: 0,
        }
    }

    /// Counts a call at a point in time since the beginning. Time that goes back counts as the newest.
    pub(super) fn count(&mut self, at: Duration, failed: bool) {
        self.forget_until(at);
        let newest = self.place(self.newest);
        if let Some(count) = self.counts.get_mut(newest) {
            count.calls += 1;
            count.failures += u64::from(failed);
        }
    }

    /// The calls and the failures that are not too old.
    pub(super) fn sums(&mut self, at: Duration) -> (u64, u64) {
        self.forget_until(at);
        let sum = |(calls, failures), count: &Count| (calls + count.calls, failures + count.failures);
        self.counts.iter().fold((0, 0), sum)
    }

    fn forget_until(&mut self, at: Duration) {
        let slice_us = self.slice.as_micros().max(1);
        let now = u64::try_from(at.as_micros() / slice_us).unwrap_or(u64::MAX);
        let steps = now.saturating_sub(self.newest).min(u64::from(SLICES));
        for step in 0..steps {
            let place = self.place(now - step);
            if let Some(count) = self.counts.get_mut(place) {
                *count = Count::default();
            }
        }
        self.newest = self.newest.max(now);
    }

    fn place(&self, number: u64) -> usize {
        usize::try_from(number % u64::from(SLICES)).unwrap_or(0)
    }
}
