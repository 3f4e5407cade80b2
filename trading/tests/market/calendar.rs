//! The days and hours of the New York Stock Exchange.

use std::collections::BTreeMap;

use platform_core::Timestamp;
use proptest::prelude::*;
use time::macros::{date, datetime, format_description, offset};
use time::{Date, Duration, Weekday};
use trading::{Calendar, TradingDay};

/// Weekdays without a usual session; the comment in the file says where they are from.
const LISTED: &str = include_str!("nyse_1998_2028.txt");

fn listed() -> BTreeMap<Date, &'static str> {
    let mut days = BTreeMap::new();
    for line in LISTED.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let (year, kind) = (words.next().unwrap(), words.next().unwrap());
        for day in words {
            let text = format!("{year}-{day}");
            let date = Date::parse(&text, format_description!("[year]-[month]-[day]")).unwrap();
            days.insert(date, kind);
        }
    }
    days
}

fn day(date: Date) -> TradingDay {
    Calendar::Nyse.day(date).unwrap()
}

#[test]
fn every_day_of_three_decades_is_open_closed_or_short_as_the_exchange_listed_it() {
    let listed = listed();
    assert_eq!(listed.len(), 291 + 67);
    let mut date = date!(1998 - 01 - 01);
    while date < date!(2029 - 01 - 01) {
        let expected = match (date.weekday(), listed.get(&date).copied()) {
            (Weekday::Saturday | Weekday::Sunday, _) | (_, Some("closed")) => None,
            (_, Some("early")) => Some(true),
            (_, None) => Some(false),
            (_, Some(other)) => panic!("{other}"),
        };

        let day = Calendar::Nyse.day(date);

        assert_eq!(day.map(|day| day.early_close), expected, "{date}");
        date = date.next_day().unwrap();
    }
}

#[test]
fn a_session_is_from_half_past_nine_to_four_in_new_york_winter_and_summer() {
    let winter = day(date!(2026 - 03 - 06)).session;
    let summer = day(date!(2026 - 03 - 09)).session;

    assert_eq!(winter.open, datetime!(2026-03-06 14:30 UTC));
    assert_eq!(winter.close, datetime!(2026-03-06 21:00 UTC));
    assert_eq!(summer.open, datetime!(2026-03-09 13:30 UTC));
    assert_eq!(summer.close, datetime!(2026-03-09 20:00 UTC));
}

#[test]
fn the_clocks_change_on_the_sundays_of_the_law_of_the_year() {
    // The last session before each change and the first one after it, with the hour of UTC at which they open.
    let changes = [
        (date!(1998 - 04 - 03), 14, date!(1998 - 04 - 06), 13),
        (date!(1998 - 10 - 23), 13, date!(1998 - 10 - 26), 14),
        (date!(2006 - 03 - 31), 14, date!(2006 - 04 - 03), 13),
        (date!(2006 - 10 - 27), 13, date!(2006 - 10 - 30), 14),
        (date!(2007 - 03 - 09), 14, date!(2007 - 03 - 12), 13),
        (date!(2007 - 11 - 02), 13, date!(2007 - 11 - 05), 14),
        (date!(2015 - 10 - 30), 13, date!(2015 - 11 - 02), 14),
        (date!(2026 - 03 - 06), 14, date!(2026 - 03 - 09), 13),
        (date!(2026 - 10 - 30), 13, date!(2026 - 11 - 02), 14),
        (date!(2027 - 03 - 12), 14, date!(2027 - 03 - 15), 13),
    ];
    for (before, hour_before, after, hour_after) in changes {
        let hours = (day(before).session.open.hour(), day(after).session.open.hour());
        assert_eq!(hours, (hour_before, hour_after), "{before}");
    }
}

#[test]
fn an_order_after_the_close_belongs_to_the_next_session_also_over_a_weekend_with_a_holiday() {
    let close = datetime!(2026-09-04 20:00 UTC);

    let last = Calendar::Nyse.session_from(close - Duration::NANOSECOND);
    let next = Calendar::Nyse.session_from(close);

    assert_eq!(last.close, close);
    assert_eq!(Calendar::Nyse.session_at(close), None);
    // Labor Day is the Monday between.
    assert_eq!(next.open, datetime!(2026-09-08 13:30 UTC));
}

#[test]
fn the_clock_names_what_comes_next() {
    let open = Calendar::Nyse.clock(datetime!(2026-11-27 17:59:59 UTC));
    let closed = Calendar::Nyse.clock(datetime!(2026-11-27 18:00 UTC));

    assert!(open.is_open && !closed.is_open);
    assert_eq!(open.next_close, datetime!(2026-11-27 18:00 UTC));
    assert_eq!(open.next_open, datetime!(2026-11-30 14:30 UTC));
    assert_eq!(closed.next_open, open.next_open);
    assert_eq!(closed.next_close, datetime!(2026-11-30 21:00 UTC));
}

#[test]
fn a_market_that_never_closes_opens_anew_at_midnight() {
    let clock = Calendar::AlwaysOpen.clock(datetime!(2026-11-28 12:00 UTC));

    assert!(clock.is_open);
    assert_eq!(clock.next_open, datetime!(2026-11-29 0:00 UTC));
    assert_eq!(clock.next_close, clock.next_open);
}

fn moment() -> impl Strategy<Value = Timestamp> {
    let range =
        datetime!(1998-01-01 0:00 UTC).unix_timestamp()..datetime!(2030-01-01 0:00 UTC).unix_timestamp();
    range.prop_map(|second| Timestamp::from_unix_timestamp(second).unwrap())
}

proptest! {
    #[test]
    fn sessions_follow_one_another_without_an_overlap(at in moment()) {
        let session = Calendar::Nyse.session_from(at);
        let next = Calendar::Nyse.session_from(session.close);

        prop_assert!(at < session.close);
        prop_assert!(session.close < next.open);
        prop_assert!(next.open - session.close < Duration::days(8));
        // Nothing opens between.
        prop_assert_eq!(Calendar::Nyse.session_from(session.open), session);
        prop_assert_eq!(Calendar::Nyse.session_from(next.open), next);
        prop_assert_eq!(Calendar::Nyse.session_at(at).is_some(), session.open <= at);
    }

    #[test]
    fn a_session_lies_within_its_date_in_new_york(at in moment()) {
        let session = Calendar::Nyse.session_from(at);
        let date = Calendar::Nyse.date_at(session.open);

        prop_assert_eq!(Calendar::Nyse.day(date).map(|day| day.session), Some(session));
        prop_assert_eq!(Calendar::Nyse.date_at(session.close), date);
        prop_assert_eq!(session.open.to_offset(offset!(-5)).date(), date);
    }
}
