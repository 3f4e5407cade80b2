//! The clock and the calendar, as a client meets them.

use serde_json::json;
use time::macros::datetime;
use trading::{Calendar, TradingConfig};

use super::app::App;
use crate::support::World;

async fn new_york() -> App {
    let config = TradingConfig {
        calendar: Calendar::Nyse,
        ..TradingConfig::default()
    };
    let world = World::new().await.with_config(config);
    world.clock.set(datetime!(2026-11-25 15:00 UTC));
    App::of(world).await
}

#[tokio::test]
async fn anybody_reads_the_clock() {
    let app = new_york().await;

    let clock = app.get("", "/api/v1/clock").await.ok();

    let expected = json!({
        "timestamp": "2026-11-25T15:00:00Z",
        "is_open": true,
        "next_open": "2026-11-27T14:30:00Z",
        "next_close": "2026-11-25T21:00:00Z",
    });
    assert_eq!(clock, expected);
}

#[tokio::test]
async fn the_calendar_has_the_days_of_a_half_open_range_with_their_early_closes() {
    let app = new_york().await;

    let days = app
        .get("", "/api/v1/calendar?start=2026-11-25&end=2026-11-30")
        .await
        .ok();

    let expected = json!({ "data": [
        { "date": "2026-11-25", "open": "2026-11-25T14:30:00Z", "close": "2026-11-25T21:00:00Z", "early_close": false },
        { "date": "2026-11-27", "open": "2026-11-27T14:30:00Z", "close": "2026-11-27T18:00:00Z", "early_close": true },
    ]});
    assert_eq!(days, expected);
}

#[tokio::test]
async fn the_calendar_begins_today_and_a_year_is_its_bound() {
    let app = new_york().await;

    let month = app.get("", "/api/v1/calendar").await.ok();
    let year = app
        .get("", "/api/v1/calendar?start=2028-01-01&end=2029-01-01")
        .await
        .ok();

    assert_eq!(month["data"][0]["date"], "2026-11-25");
    assert_eq!(month["data"].as_array().unwrap().len(), 21);
    assert_eq!(year["data"].as_array().unwrap().len(), 251);
}

#[tokio::test]
async fn a_range_that_is_malformed_turned_around_or_too_long_is_refused() {
    let app = new_york().await;

    for (query, field) in [
        ("start=yesterday", "start malformed"),
        ("start=2026-02-30", "start malformed"),
        ("start=-9999-01-01", "start malformed"),
        ("end=10000-01-01", "end malformed"),
        ("start=2026-01-02&end=2026-01-01", "end out_of_range"),
        ("start=2026-01-01&end=2027-01-03", "end out_of_range"),
    ] {
        let refused = app.get("", &format!("/api/v1/calendar?{query}")).await;
        assert_eq!(refused.problem(), (422, "invalid_range".to_owned()), "{query}");
        assert_eq!(refused.fields(), [field], "{query}");
    }
}
