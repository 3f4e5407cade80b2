//! How recorded data is played.

use std::str::FromStr;

/// How fast and in which arrangement a file is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplayConfig {
    /// `None` plays daily bars at a trading day each second (23,400) and quote rows as fast as they were recorded (1).
    pub speed: Option<ReplaySpeed>,
    /// How the days of several symbols lie to one another. Quote rows always keep their times.
    pub alignment: Alignment,
}

/// How the daily bars of several symbols are arranged in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Alignment {
    /// Every symbol plays its own days from its first to its last and starts again. All symbols are quoted at every moment, though
    /// one may be in another year than the next.
    #[default]
    EachSymbol,
    /// All symbols play the same day. A symbol without a bar on that day has no new quote, so its last one becomes stale. After the
    /// last day of the file all start again.
    Calendar,
}

/// How many seconds of a trading session pass in a second: 1 to 1,000,000.
///
/// ```
/// use trading::ReplaySpeed;
///
/// assert_eq!("60".parse::<ReplaySpeed>()?.session_seconds(), 60);
/// assert!("0".parse::<ReplaySpeed>().is_err());
/// # Ok::<(), trading::SpeedOutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReplaySpeed(u32);

/// A replay speed is not a whole number from 1 to 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a replay speed is a whole number from 1 to 1000000, the seconds of a session in a second")]
pub struct SpeedOutOfRange;

impl ReplaySpeed {
    /// As fast as it happened.
    pub const REAL_TIME: Self = Self(1);
    /// A trading day each second.
    pub const DAY_EACH_SECOND: Self = Self(super::SESSION_SECONDS);

    /// The seconds of a session that pass in a second.
    pub const fn session_seconds(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for ReplaySpeed {
    type Error = SpeedOutOfRange;

    fn try_from(session_seconds: u32) -> Result<Self, SpeedOutOfRange> {
        if (1..=1_000_000).contains(&session_seconds) {
            Ok(Self(session_seconds))
        } else {
            Err(SpeedOutOfRange)
        }
    }
}

impl FromStr for ReplaySpeed {
    type Err = SpeedOutOfRange;

    fn from_str(text: &str) -> Result<Self, SpeedOutOfRange> {
        text.parse::<u32>().map_err(|_| SpeedOutOfRange)?.try_into()
    }
}
