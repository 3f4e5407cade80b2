//! How long a failed worker waits before it is started again.

use std::time::Duration;

use crate::Sources;

/// Waits that double from `first` to `max`, each shortened by up to a half at random so that workers of many instances do not
/// come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure.
    pub first: Duration,
    /// The longest wait.
    pub max: Duration,
    /// A run that lasts this long counts as recovered: the next failure waits `first` again.
    pub steady: Duration,
}

impl Default for Backoff {
    /// From 200 ms to 30 s; recovered after 10 s.
    fn default() -> Self {
        Self {
            first: Duration::from_millis(200),
            max: Duration::from_secs(30),
            steady: Duration::from_secs(10),
        }
    }
}

impl Backoff {
    /// The wait after `failures` failures in a row, counted from 1.
    ///
    /// ```
    /// use platform_core::Sources;
    /// use platform_core::runtime::Backoff;
    ///
    /// let backoff = Backoff::default();
    /// let wait = backoff.wait(3, &Sources::system());
    /// assert!(backoff.first * 2 <= wait && wait <= backoff.first * 4);
    /// ```
    pub fn wait(&self, failures: u32, sources: &Sources) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let longest = self.first.saturating_mul(1 << doublings).min(self.max);
        let half = longest / 2;
        let spread_us = u64::try_from((longest - half).as_micros()).unwrap_or(u64::MAX);
        let extra_us = u64::from_le_bytes(sources.bytes()) % spread_us.saturating_add(1).max(1);
        half + Duration::from_micros(extra_us)
    }
}
