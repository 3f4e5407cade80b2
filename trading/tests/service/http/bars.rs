//! Bars, as a client meets them.

use std::time::Duration;

use serde_json::json;
use trading::BarWorker;

use super::app::App;
use crate::support::World;

/// Three minutes of AAPL from 15:00 on, of which two are stored.
async fn traded() -> App {
    let app = App::of(World::own().await).await;
    for last in ["10.00", "11.00", "12.00"] {
        app.world.quote(last, "99.00", "5");
        app.world.clock.advance(Duration::from_secs(60));
        if last == "11.00" {
            BarWorker::new(&app.world.trading).store().await.unwrap();
        }
    }
    app
}

#[tokio::test]
async fn bars_are_named_by_their_start_and_say_whether_their_time_is_over() {
    let app = traded().await;

    let second = app.get("", "/api/v1/bars/AAPL?timeframe=1s").await.ok();
    let day = app.get("", "/api/v1/bars/AAPL?timeframe=1d").await.ok();

    let expected = json!({
        "start": "2026-01-05T00:00:00Z", "open": "10.00", "high": "12.00", "low": "10.00", "close": "12.00",
        "volume": "15", "n": 3, "vwap": "11.00", "complete": false,
    });
    assert_eq!(day, json!({ "data": [expected], "next_cursor": null }));
    assert_eq!(second["data"].as_array().unwrap().len(), 3);
    assert_eq!(second["data"][0]["start"], "2026-01-05T15:00:00Z");
    assert_eq!(second["data"][0]["complete"], true);
}

#[tokio::test]
async fn a_range_is_half_open_and_pages_go_on_where_the_last_one_ended() {
    let app = traded().await;
    let base = "/api/v1/bars/AAPL?timeframe=1m&start=2026-01-05T15:00:00Z";

    let two = app
        .get("", &format!("{base}&end=2026-01-05T15:02:00Z"))
        .await
        .ok();
    assert_eq!(two["data"].as_array().unwrap().len(), 2);

    let (mut closes, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get("", &format!("{base}&limit=1{cursor}")).await.ok();
        closes.push(page["data"][0]["close"].clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(closes, ["10.00", "11.00", "12.00"]);
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_with_a_code() {
    let app = App::new().await;

    for (query, status, code) in [
        ("AAPL?timeframe=5m", 422, "invalid_timeframe"),
        ("AAPL?timeframe=1m&start=monday", 422, "invalid_range"),
        (
            "AAPL?timeframe=1m&start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z",
            422,
            "invalid_range",
        ),
        ("AAPL?timeframe=1m&end=9999-12-31T23:59:59Z", 422, "invalid_range"),
        ("AAPL?timeframe=1m&limit=0", 422, "invalid_limit"),
        ("AAPL?timeframe=1m&cursor=xyz", 400, "invalid_cursor"),
        (
            "AAPL?timeframe=1m&cursor=WzkyMjMzNzIwMzY4NTQ3NzU4MDdd",
            400,
            "invalid_cursor",
        ),
        ("NOPE?timeframe=1m", 404, "unknown_symbol"),
        ("aapl?timeframe=1m", 404, "unknown_symbol"),
    ] {
        let refused = app.get("", &format!("/api/v1/bars/{query}")).await;
        assert_eq!(refused.problem(), (status, code.to_owned()), "{query}");
    }
}
