//! A month of the calendar.

use std::fmt::{self, Display};
use std::str::FromStr;

use platform_core::Timestamp;
use platform_core::time::{Date, Month};

/// A month of the calendar in UTC, of the years 1970 to 9998: `2026-11`.
///
/// ```
/// use platform_audit::ArchiveMonth;
///
/// let month: ArchiveMonth = "2026-11".parse()?;
/// assert_eq!(month.next().to_string(), "2026-12");
/// assert!("2026-13".parse::<ArchiveMonth>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArchiveMonth {
    year: u16,
    month: u8,
}

/// A text is not a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a month is written like 2026-11")]
pub struct InvalidMonth;

impl ArchiveMonth {
    /// The month in which this time is.
    pub fn of(at: Timestamp) -> Self {
        let at = at.to_utc();
        Self {
            year: u16::try_from(at.year()).unwrap_or(1970).clamp(1970, 9998),
            month: u8::from(at.month()),
        }
    }

    /// The month after it.
    #[must_use]
    pub const fn next(self) -> Self {
        match self.month {
            12 => Self {
                year: self.year + 1,
                month: 1,
            },
            month => Self {
                year: self.year,
                month: month + 1,
            },
        }
    }

    /// Its first moment.
    pub fn begins_at(self) -> Timestamp {
        let month = Month::try_from(self.month).unwrap_or(Month::January);
        let first = Date::from_calendar_date(i32::from(self.year), month, 1).unwrap_or(Date::MAX);
        first.midnight().assume_utc()
    }

    /// The moment after its last.
    pub fn ends_at(self) -> Timestamp {
        self.next().begins_at()
    }

    pub(super) fn folders(self) -> [String; 2] {
        [format!("{:04}", self.year), format!("{:02}", self.month)]
    }
}

impl Display for ArchiveMonth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for ArchiveMonth {
    type Err = InvalidMonth;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (year, month) = text.split_once('-').ok_or(InvalidMonth)?;
        let year = year.parse().map_err(|_| InvalidMonth)?;
        let month = month.parse().map_err(|_| InvalidMonth)?;
        let parsed = Self { year, month };
        // Its one spelling, so that no sign and no missing zero passes.
        let valid = (1970..=9998).contains(&year) && (1..=12).contains(&month) && parsed.to_string() == text;
        valid.then_some(parsed).ok_or(InvalidMonth)
    }
}
