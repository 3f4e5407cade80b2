//! When the market is open.

use platform_core::Timestamp;
use time::{Duration, Time};

/// A stretch of trading, `[open, close)`: an order accepted at `close` or later belongs to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Session {
    /// Its first instant.
    pub open: Timestamp,
    /// The first instant after it.
    pub close: Timestamp,
}

impl Session {
    /// Whether the session is on at `at`.
    pub fn contains(&self, at: Timestamp) -> bool {
        (self.open..self.close).contains(&at)
    }
}

/// The sessions of a market.
///
/// ```
/// use time::macros::datetime;
/// use trading::Calendar;
///
/// let session = Calendar::AlwaysOpen.session_at(datetime!(2026-01-02 15:00 UTC)).ok_or("closed")?;
/// assert_eq!(session.close, datetime!(2026-01-03 0:00 UTC));
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Calendar {
    /// Open all the time: the days of UTC are its sessions, and each closes as the next one opens.
    #[default]
    AlwaysOpen,
}

impl Calendar {
    /// The session that is on at `at`; `None` while the market is closed.
    pub fn session_at(&self, at: Timestamp) -> Option<Session> {
        Some(self.session_from(at)).filter(|session| session.contains(at))
    }

    /// The session that is on at `at`, or the next one: the one whose orders an order accepted at `at` is among.
    pub fn session_from(&self, at: Timestamp) -> Session {
        match self {
            Self::AlwaysOpen => {
                let open = at.to_offset(time::UtcOffset::UTC).replace_time(Time::MIDNIGHT);
                Session {
                    open,
                    close: open + Duration::DAY,
                }
            }
        }
    }
}
