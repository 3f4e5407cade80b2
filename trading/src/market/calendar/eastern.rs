//! The time in New York: two rules of daylight saving in three decades, so that no time zone database is needed.

use platform_core::Timestamp;
use time::{Date, Month, UtcOffset, Weekday, macros::offset};

const STANDARD: UtcOffset = offset!(-5);
const DAYLIGHT: UtcOffset = offset!(-4);

/// The offset from three in the morning on: the clocks change at two.
pub(super) fn offset_on(date: Date) -> UtcOffset {
    if is_daylight(date) { DAYLIGHT } else { STANDARD }
}

/// The date in New York.
///
/// In the hours of the night around a change the answer counts by the offset after it, which is the same date.
pub(super) fn date_at(at: Timestamp) -> Date {
    let standard = at.to_offset(STANDARD).date();
    at.to_offset(offset_on(standard)).date()
}

/// Since 2007 (Energy Policy Act of 2005) from the second Sunday of March to the first of November; before, since 1987, from the first
/// Sunday of April to the last of October.
fn is_daylight(date: Date) -> bool {
    let sunday = day_of_last(date, Weekday::Sunday);
    let lasts_into_november = date.year() >= 2007;
    match date.month() {
        Month::March => lasts_into_november && sunday >= 8,
        Month::April => lasts_into_november || sunday >= 1,
        Month::May | Month::June | Month::July | Month::August | Month::September => true,
        Month::October => lasts_into_november || sunday < 25,
        Month::November => lasts_into_november && sunday < 1,
        Month::January | Month::February | Month::December => false,
    }
}

/// The day of the month of the newest such weekday, the date itself included; zero or less where that was in the month before.
fn day_of_last(date: Date, weekday: Weekday) -> i16 {
    let since = (date.weekday().number_days_from_sunday() + 7 - weekday.number_days_from_sunday()) % 7;
    i16::from(date.day()) - i16::from(since)
}
