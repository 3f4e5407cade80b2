//! How long bars are.

use std::fmt;
use std::str::FromStr;

use platform_core::Timestamp;
use time::{Duration, Time, UtcOffset};

/// How long the bars of a series are. Each begins at a whole second, minute or day of UTC; the sessions of New York lie within one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timeframe {
    /// `1s`
    Second,
    /// `1m`
    Minute,
    /// `1d`
    Day,
}

/// A word names no timeframe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a timeframe is 1s, 1m or 1d")]
pub struct UnknownTimeframe;

impl Timeframe {
    /// The word that is stored and sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "1s",
            Self::Minute => "1m",
            Self::Day => "1d",
        }
    }

    /// The length of a bar.
    pub const fn length(self) -> Duration {
        match self {
            Self::Second => Duration::SECOND,
            Self::Minute => Duration::MINUTE,
            Self::Day => Duration::DAY,
        }
    }

    /// When the bar begins in which a moment lies.
    ///
    /// ```
    /// use time::macros::datetime;
    /// use trading::Timeframe;
    ///
    /// let start = Timeframe::Minute.start_of(datetime!(2026-01-02 15:04:05.6 UTC));
    /// assert_eq!(start, datetime!(2026-01-02 15:04 UTC));
    /// ```
    pub fn start_of(self, at: Timestamp) -> Timestamp {
        let at = at.to_offset(UtcOffset::UTC);
        let (hour, minute, second) = match self {
            Self::Second => at.to_hms(),
            Self::Minute => (at.hour(), at.minute(), 0),
            Self::Day => (0, 0, 0),
        };
        let time = Time::from_hms(hour, minute, second).expect("the time of a moment is a time");
        at.replace_time(time)
    }
}

impl FromStr for Timeframe {
    type Err = UnknownTimeframe;

    fn from_str(word: &str) -> Result<Self, UnknownTimeframe> {
        match word {
            "1s" => Ok(Self::Second),
            "1m" => Ok(Self::Minute),
            "1d" => Ok(Self::Day),
            _ => Err(UnknownTimeframe),
        }
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
