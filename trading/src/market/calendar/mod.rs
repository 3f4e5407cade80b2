//! When the market is open.

mod eastern;
mod nyse;

use std::ops::Range;

use platform_core::Timestamp;
use serde::Serialize;
use time::{Date, Duration, Time, UtcOffset};

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

/// A day on which there is trading, by the date of the market's own place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradingDay {
    /// The date there.
    pub date: Date,
    /// When there is trading.
    pub session: Session,
    /// Whether it ends before its usual time.
    pub early_close: bool,
}

/// What a clock on the wall of the market says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct MarketClock {
    /// The time now.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub timestamp: Timestamp,
    /// Whether there is trading.
    pub is_open: bool,
    /// When the next session begins, the one that is on left out.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub next_open: Timestamp,
    /// When the session that is on ends, or else the next one.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub next_close: Timestamp,
}

/// The sessions of a market.
///
/// ```
/// use time::macros::datetime;
/// use trading::Calendar;
///
/// let session = Calendar::AlwaysOpen.session_at(datetime!(2026-01-02 15:00 UTC)).ok_or("closed")?;
/// assert_eq!(session.close, datetime!(2026-01-03 0:00 UTC));
///
/// let thanksgiving = datetime!(2026-11-26 15:00 UTC);
/// assert_eq!(Calendar::Nyse.session_at(thanksgiving), None);
/// let friday = Calendar::Nyse.session_from(thanksgiving);
/// assert_eq!(friday.open, datetime!(2026-11-27 14:30 UTC));
/// assert_eq!(friday.close, datetime!(2026-11-27 18:00 UTC));
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Calendar {
    /// Open all the time: the days of UTC are its sessions, and each closes as the next one opens.
    #[default]
    AlwaysOpen,
    /// The core session of the New York Stock Exchange, 9:30 to 16:00 in New York, with its holidays and early closes, as they are
    /// from 1998 on. What was closed once, for mourning or a storm, is closed as far as it was known when this was written.
    Nyse,
}

impl Calendar {
    /// The session that is on at `at`; `None` while the market is closed.
    pub fn session_at(&self, at: Timestamp) -> Option<Session> {
        Some(self.session_from(at)).filter(|session| session.contains(at))
    }

    /// The session that is on at `at`, or the next one: the one whose orders an order accepted at `at` is among.
    pub fn session_from(&self, at: Timestamp) -> Session {
        let days = std::iter::successors(Some(self.date_at(at)), |date| date.next_day());
        let mut sessions = days.filter_map(|date| self.day(date)).map(|day| day.session);
        let next = sessions.find(|session| at < session.close);
        // Only after the last day that a date can name.
        next.unwrap_or(Session { open: at, close: at })
    }

    /// The trading on a date of the market's place; `None` on a day without.
    pub fn day(&self, date: Date) -> Option<TradingDay> {
        match self {
            Self::AlwaysOpen => {
                let open = date.midnight().assume_utc();
                Some(TradingDay {
                    date,
                    session: Session {
                        open,
                        close: open.checked_add(Duration::DAY)?,
                    },
                    early_close: false,
                })
            }
            Self::Nyse => nyse::day(date),
        }
    }

    /// The trading days whose dates are in `dates`, in their order. Lazy: it costs what is taken of it.
    ///
    /// ```
    /// use time::macros::date;
    /// use trading::Calendar;
    ///
    /// let christmas = date!(2026-12-24)..date!(2026-12-29);
    /// let days: Vec<_> = Calendar::Nyse.days(christmas).map(|day| (day.date, day.early_close)).collect();
    /// assert_eq!(days, [(date!(2026-12-24), true), (date!(2026-12-28), false)]);
    /// ```
    pub fn days(&self, dates: Range<Date>) -> impl Iterator<Item = TradingDay> + use<> {
        let calendar = *self;
        std::iter::successors(Some(dates.start), |date| date.next_day())
            .take_while(move |date| *date < dates.end)
            .filter_map(move |date| calendar.day(date))
    }

    /// Whether the market is open at `at`, and when it opens and closes next.
    pub fn clock(&self, at: Timestamp) -> MarketClock {
        let session = self.session_from(at);
        let is_open = session.contains(at);
        MarketClock {
            timestamp: at,
            is_open,
            next_open: match is_open {
                true => self.session_from(session.close).open,
                false => session.open,
            },
            next_close: session.close,
        }
    }

    /// The date at the market's place.
    pub fn date_at(&self, at: Timestamp) -> Date {
        match self {
            Self::AlwaysOpen => at.to_offset(UtcOffset::UTC).date(),
            Self::Nyse => eastern::date_at(at),
        }
    }
}

fn at(date: Date, time: Time, offset: UtcOffset) -> Timestamp {
    date.with_time(time)
        .assume_offset(offset)
        .to_offset(UtcOffset::UTC)
}
