//! How long leases last.

use std::time::Duration;

const TTL_MIN: Duration = Duration::from_millis(100);
const TTL_MAX: Duration = Duration::from_secs(60 * 60);

/// How long a lease lasts unless it is renewed: 100 ms to one hour, in whole milliseconds.
///
/// ```
/// use std::time::Duration;
/// use platform_core::lease::{InvalidTtl, Ttl};
///
/// assert_eq!(Ttl::new(Duration::from_secs(15))?.as_duration(), Duration::from_secs(15));
/// assert_eq!(Ttl::new(Duration::ZERO), Err(InvalidTtl));
/// # Ok::<(), InvalidTtl>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ttl(Duration);

/// A lease cannot last so short or so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a lease lasts from 100 ms to one hour, in whole milliseconds")]
pub struct InvalidTtl;

impl Ttl {
    /// Checks and keeps a length of time.
    ///
    /// # Errors
    /// [`InvalidTtl`] outside 100 ms to one hour, or with a fraction of a millisecond.
    pub fn new(lasts: Duration) -> Result<Self, InvalidTtl> {
        let is_whole = lasts.subsec_nanos().is_multiple_of(1_000_000);
        if !is_whole || !(TTL_MIN..=TTL_MAX).contains(&lasts) {
            return Err(InvalidTtl);
        }
        Ok(Self(lasts))
    }

    /// The length of time.
    pub fn as_duration(self) -> Duration {
        self.0
    }

    pub(super) fn as_millis(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }
}

/// How a lease is kept: how long it lasts, and how long before its end its holder stops.
///
/// It is renewed when a third of it has passed. The margin is what the holder's work has for stopping: choose it longer than that
/// takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    ttl: Ttl,
    margin: Duration,
}

impl Term {
    /// A lease that lasts so long, with a quarter of it as the margin.
    pub fn lasting(ttl: Ttl) -> Self {
        Self {
            ttl,
            margin: ttl.0 / 4,
        }
    }

    /// The same with another margin, at most half of the lease.
    #[must_use]
    pub fn with_margin(self, margin: Duration) -> Self {
        Self {
            margin: margin.min(self.ttl.0 / 2),
            ..self
        }
    }

    /// How long the lease lasts.
    pub fn ttl(self) -> Ttl {
        self.ttl
    }

    /// How long before its end the holder stops.
    pub fn margin(self) -> Duration {
        self.margin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_lasts_whole_milliseconds_from_a_tenth_of_a_second_to_an_hour() {
        let refused = [
            Duration::ZERO,
            Duration::from_millis(99),
            Duration::from_micros(100_001),
            Duration::from_millis(3_600_001),
            Duration::MAX,
        ];
        for lasts in refused {
            assert_eq!(Ttl::new(lasts), Err(InvalidTtl), "{lasts:?}");
        }
        for millis in [100, 101, 3_600_000] {
            assert!(Ttl::new(Duration::from_millis(millis)).is_ok());
        }
    }

    #[test]
    fn the_margin_leaves_half_of_the_lease() {
        let term = Term::lasting(Ttl::new(Duration::from_secs(8)).unwrap());

        assert_eq!(term.margin(), Duration::from_secs(2));
        assert_eq!(
            term.with_margin(Duration::from_secs(9)).margin(),
            Duration::from_secs(4)
        );
    }
}
