//! The days of the New York Stock Exchange (Rule 7.2), from 1998 on.

use time::macros::{date, time};
use time::{Date, Month, Time, Weekday};

use super::{Session, TradingDay, at, eastern};

const OPEN: Time = time!(9:30);
const CLOSE: Time = time!(16:00);
const EARLY_CLOSE: Time = time!(13:00);

/// Days that no rule foretells: the attacks of 2001, the mourning for Presidents Reagan, Ford, Bush and Carter, the hurricane of 2012.
const CLOSED_ONCE: [Date; 10] = [
    date!(2001 - 09 - 11),
    date!(2001 - 09 - 12),
    date!(2001 - 09 - 13),
    date!(2001 - 09 - 14),
    date!(2004 - 06 - 11),
    date!(2007 - 01 - 02),
    date!(2012 - 10 - 29),
    date!(2012 - 10 - 30),
    date!(2018 - 12 - 05),
    date!(2025 - 01 - 09),
];

/// Early closes that no rule foretells.
const CLOSED_EARLY_ONCE: [Date; 2] = [date!(1999 - 12 - 31), date!(2003 - 12 - 26)];

/// The trading on a date in New York; `None` on weekends and holidays.
pub(super) fn day(date: Date) -> Option<TradingDay> {
    if is_weekend(date) || is_holiday(date) || CLOSED_ONCE.contains(&date) {
        return None;
    }
    let early_close = closes_early(date) || CLOSED_EARLY_ONCE.contains(&date);
    let close = if early_close { EARLY_CLOSE } else { CLOSE };
    let offset = eastern::offset_on(date);
    Some(TradingDay {
        date,
        session: Session {
            open: at(date, OPEN, offset),
            close: at(date, close, offset),
        },
        early_close,
    })
}

fn is_weekend(date: Date) -> bool {
    matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

fn is_holiday(date: Date) -> bool {
    let (day, weekday) = (date.day(), date.weekday());
    let is_monday = weekday == Weekday::Monday;
    match date.month() {
        // New Year on a Saturday is not made up for: the Friday before ends the year's books.
        Month::January if day == 1 || (is_monday && day == 2) => true,
        // Martin Luther King, Jr.
        Month::January => is_monday && (15..=21).contains(&day),
        // Washington's Birthday
        Month::February => is_monday && (15..=21).contains(&day),
        Month::March | Month::April => is_good_friday(date),
        // Memorial Day
        Month::May => is_monday && day >= 25,
        // Juneteenth
        Month::June => date.year() >= 2022 && is_observed(date, 19),
        // Independence Day
        Month::July => is_observed(date, 4),
        // Labor Day
        Month::September => is_monday && day <= 7,
        // Thanksgiving
        Month::November => weekday == Weekday::Thursday && (22..=28).contains(&day),
        // Christmas
        Month::December => is_observed(date, 25),
        Month::August | Month::October => false,
    }
}

/// Whether a holiday on this day of the month is kept on `date`: on the Friday before a Saturday, on the Monday after a Sunday.
fn is_observed(date: Date, holiday: u8) -> bool {
    match date.weekday() {
        Weekday::Friday => date.day() == holiday || date.day() + 1 == holiday,
        Weekday::Monday => date.day() == holiday || date.day() == holiday + 1,
        _ => date.day() == holiday,
    }
}

fn closes_early(date: Date) -> bool {
    use Weekday::{Friday, Monday, Thursday, Tuesday, Wednesday};
    match (date.month(), date.day(), date.weekday()) {
        // The day before Independence Day. Until 2012, when that was a Thursday, it was the day after.
        (Month::July, 3, Monday | Tuesday | Thursday) => true,
        (Month::July, 3, Wednesday) => date.year() >= 2013,
        (Month::July, 5, Friday) => date.year() < 2013,
        // The day after Thanksgiving
        (Month::November, 23..=29, Friday) => true,
        // Christmas Eve
        (Month::December, 24, Monday | Tuesday | Wednesday | Thursday) => true,
        _ => false,
    }
}

fn is_good_friday(date: Date) -> bool {
    easter(date.year()).and_then(|easter| easter.checked_sub(time::Duration::days(2))) == Some(date)
}

/// Easter Sunday of the Gregorian calendar, by Oudin's formula of 1940.
fn easter(year: i32) -> Option<Date> {
    let century = year / 100;
    let golden = year % 19;
    let full_moon = (century - century / 4 - (8 * century + 13) / 25 + 19 * golden + 15) % 30;
    let late = full_moon / 28;
    let full_moon = full_moon - late * (1 - late * (29 / (full_moon + 1)) * ((21 - golden) / 11));
    let weekday = (year + year / 4 + full_moon + 2 - century + century / 4) % 7;
    // Days after the 28th of March.
    let days = full_moon - weekday;
    let month = 3 + (days + 40) / 44;
    let day = u8::try_from(days + 28 - 31 * (month / 4)).ok()?;
    let month = if month == 3 { Month::March } else { Month::April };
    Date::from_calendar_date(year, month, day).ok()
}
