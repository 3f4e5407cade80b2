use std::time::Duration;

use platform_core::{ManualClock, SeededRandom, Sources};
use prometheus_client::registry::Registry;
use time::macros::datetime;
use trading::{Calendar, MarketMetrics};

use crate::support::{NOW, board, price, symbol, update};

#[test]
fn a_board_begins_with_its_instruments_and_without_quotes() {
    let board = board();

    assert_eq!(board.instruments().len(), 3);
    assert_eq!(board.instrument(symbol("B")).unwrap().tick, price("0.01"));
    assert!(board.instrument(symbol("D")).is_none());
    assert!(board.latest(symbol("A")).is_none());
    assert!(board.all().is_empty());
}

#[test]
fn a_publication_replaces_the_quotes_of_its_symbols_and_no_others() {
    let board = board();
    board.publish(NOW, vec![update("A"), update("B")]);
    let mut moved = update("B");
    moved.bid = price("9.99");

    board.publish(NOW, vec![moved]);

    let bids: Vec<_> = board.all().iter().map(|quote| quote.bid).collect();
    assert_eq!(bids, [price("10.00"), price("9.99")]);
    assert_eq!(board.latest(symbol("B")).unwrap().bid, price("9.99"));
}

#[test]
fn an_unknown_symbol_is_left_out() {
    let board = board();

    assert_eq!(board.publish(NOW, vec![update("A"), update("D")]), 1);
    assert!(board.latest(symbol("D")).is_none());
}

#[test]
fn numbers_grow_with_every_quote_and_over_a_restart() {
    let before = board();
    before.publish(NOW, vec![update("A"), update("B"), update("A")]);
    // The clock goes back, and the numbers do not.
    before.publish(NOW - Duration::from_secs(60), vec![update("C")]);
    let numbers = ["B", "A", "C"].map(|text| before.latest(symbol(text)).unwrap().seq);
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");

    let after = board();
    after.publish(NOW + Duration::from_secs(1), vec![update("A")]);

    assert!(after.latest(symbol("A")).unwrap().seq > numbers[2]);
}

#[test]
fn a_quote_is_stale_when_it_was_published_more_than_five_seconds_ago() {
    let board = board();
    let mut recorded = update("A");
    recorded.source_at = time::macros::datetime!(2000-03-01 14:30 UTC);
    board.publish(NOW, vec![recorded]);
    let quote = board.latest(symbol("A")).unwrap();

    assert!(!board.is_stale(&quote, NOW));
    assert!(!board.is_stale(&quote, NOW + Duration::from_secs(5)));
    assert!(board.is_stale(&quote, NOW + Duration::from_micros(5_000_001)));
    assert!(!board.is_stale(&quote, NOW - Duration::from_secs(60)));
}

#[test]
fn a_quote_is_json_with_money_as_strings() {
    let board = board();
    board.publish(NOW, vec![update("A")]);

    let json = board.latest(symbol("A")).unwrap().json().to_owned();

    let expected = serde_json::json!({
        "seq": 1_767_366_000_000_000_u64,
        "symbol": "A",
        "bid": "10.00",
        "bid_size": "300",
        "ask": "10.01",
        "ask_size": "500",
        "last": "10.01",
        "at": "2026-01-02T15:00:00Z",
        "source_at": "2026-01-02T15:00:00Z",
        "source": "simulator",
        "halted": false,
    });
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&json).unwrap(),
        expected
    );
    let read: trading::Quote = serde_json::from_str(&json).unwrap();
    assert_eq!(read, **board.latest(symbol("A")).unwrap());
}

#[test]
fn a_silence_in_the_middle_of_a_session_is_a_gap_and_a_night_is_none() {
    let board = board().in_sessions_of(Calendar::Nyse);
    let metrics = MarketMetrics::new(&board, Sources::system());
    let close = datetime!(2026-01-02 21:00 UTC);
    let open = datetime!(2026-01-05 14:30 UTC);

    for at in [
        NOW,
        NOW + Duration::from_secs(5),
        close - Duration::from_secs(1),
        open,
        open + Duration::from_secs(6),
    ] {
        board.publish(at, vec![update("A")]);
    }

    // The afternoon until the close, and six seconds after the opening.
    assert_eq!(metrics.quote_gaps.get(), 2);
}

#[test]
fn metrics_count_updates_and_show_an_age_that_grows_without_a_feed() {
    let board = board();
    let clock = std::sync::Arc::new(ManualClock::starting_at(NOW));
    let random = std::sync::Arc::new(SeededRandom::new(1));
    let metrics = MarketMetrics::new(&board, Sources::shared(clock.clone(), random));
    let mut registry = Registry::default();
    registry.register("quote_updates", "Quotes published", metrics.quote_updates);
    registry.register("quote_age_seconds", "Age of the newest quote", metrics.quote_age);
    let scrape = || {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    };
    assert!(!scrape().contains("quote_age_seconds "));

    board.publish(NOW, vec![update("A"), update("B")]);
    clock.advance(Duration::from_millis(2_500));

    let text = scrape();
    assert!(text.contains("quote_updates_total 2\n"), "{text}");
    assert!(text.contains("quote_age_seconds 2.5\n"), "{text}");
}
