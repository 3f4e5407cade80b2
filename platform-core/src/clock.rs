//! Time as a parameter.

use std::fmt::Debug;
use std::sync::Mutex;
use std::time::Duration;

use time::OffsetDateTime;

/// A point in time in UTC, to the microsecond: what PostgreSQL stores is what was read from the clock.
pub type Timestamp = OffsetDateTime;

/// Where a component reads the time. [`SystemClock`] in production, [`ManualClock`] in tests and replays.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The current time in UTC, truncated to microseconds.
    fn now(&self) -> Timestamp;
}

/// The operating system's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that reads the system's clock"
        )]
        truncate(OffsetDateTime::now_utc())
    }
}

/// A clock that stands still until it is moved.
///
/// ```
/// use platform_core::{Clock, ManualClock};
/// use std::time::Duration;
///
/// let clock = ManualClock::starting_at(time::macros::datetime!(2026-01-02 03:04:05 UTC));
/// clock.advance(Duration::from_secs(5));
/// assert_eq!(clock.now(), time::macros::datetime!(2026-01-02 03:04:10 UTC));
/// ```
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// A clock that shows `start`.
    pub fn starting_at(start: Timestamp) -> Self {
        Self(Mutex::new(truncate(start)))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.lock();
        *now += by;
    }

    /// Sets the clock, also backwards.
    pub fn set(&self, to: Timestamp) {
        *self.lock() = truncate(to);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Timestamp> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.lock()
    }
}

fn truncate(at: Timestamp) -> Timestamp {
    let micros = at.microsecond();
    at.replace_microsecond(micros).unwrap_or(at)
}
