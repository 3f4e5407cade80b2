//! When the exchange in New York is open.

use platform_core::Timestamp;
use time::{Date, Duration, Month, Time, UtcOffset, Weekday};

/// The length of a trading session, 09:30 to 16:00 in New York.
pub const SESSION_SECONDS: u32 = 23_400;

/// The moment the session of `date` opens: 09:30 in New York.
pub(super) fn session_open(date: Date) -> Timestamp {
    let opening = Time::from_hms(9, 30, 0).expect("half past nine is a time");
    date.with_time(opening)
        .assume_offset(new_york_offset(date))
        .to_offset(UtcOffset::UTC)
}

/// New York's offset from UTC during the day.
///
/// Daylight time is from the second Sunday of March to the first of November since 2007, and was from the first Sunday of April to
/// the last of October from 1987 on (Uniform Time Act as amended in 1986 and 2005). The rule of 1987 is used for earlier years too.
fn new_york_offset(date: Date) -> UtcOffset {
    let year = date.year();
    let (begins, ends) = if year >= 2007 {
        (
            sunday_from(year, Month::March, 8),
            sunday_from(year, Month::November, 1),
        )
    } else {
        (
            sunday_from(year, Month::April, 1),
            sunday_from(year, Month::October, 25),
        )
    };
    let hours = if begins <= date && date < ends { -4 } else { -5 };
    UtcOffset::from_hms(hours, 0, 0).expect("four and five hours are offsets")
}

/// The first Sunday on or after a day.
fn sunday_from(year: i32, month: Month, day: u8) -> Date {
    let date = Date::from_calendar_date(year, month, day)
        .expect("a year that a date has, and a day all months have");
    let days = (7 - i64::from(date.weekday().number_days_from_sunday())) % 7;
    let sunday = date + Duration::days(days);
    debug_assert_eq!(sunday.weekday(), Weekday::Sunday);
    sunday
}

#[cfg(test)]
mod tests {
    use time::macros::{date, datetime};

    use super::session_open;

    #[test]
    fn the_session_opens_at_half_past_nine_in_new_york_in_summer_and_in_winter() {
        let opens = [
            (date!(2000 - 03 - 31), datetime!(2000-03-31 14:30 UTC)),
            (date!(2000 - 04 - 03), datetime!(2000-04-03 13:30 UTC)),
            (date!(2006 - 10 - 27), datetime!(2006-10-27 13:30 UTC)),
            (date!(2006 - 10 - 30), datetime!(2006-10-30 14:30 UTC)),
            (date!(2007 - 03 - 09), datetime!(2007-03-09 14:30 UTC)),
            (date!(2007 - 03 - 12), datetime!(2007-03-12 13:30 UTC)),
            (date!(2012 - 11 - 02), datetime!(2012-11-02 13:30 UTC)),
            (date!(2012 - 11 - 05), datetime!(2012-11-05 14:30 UTC)),
        ];

        for (date, open) in opens {
            assert_eq!(session_open(date), open);
        }
    }
}
