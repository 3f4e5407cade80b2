use std::collections::BTreeSet;
use std::time::Duration;

use trading::{MarketFeed, QuoteSource, ReplayConfig, ReplayData, ReplaySpeed, SimulatorConfig};

use crate::support::{NOW, symbol};

fn composite() -> MarketFeed {
    let data = ReplayData::bundled().unwrap();
    MarketFeed::replay(data, ReplayConfig::default(), SimulatorConfig::default())
}

#[test]
fn recorded_symbols_are_replayed_and_the_others_simulated_none_twice() {
    let feed = composite();

    let instruments = feed.instruments();

    let symbols: BTreeSet<_> = instruments.iter().map(|instrument| instrument.symbol).collect();
    assert_eq!((instruments.len(), symbols.len()), (23, 23));
    let source_of = |text| {
        instruments
            .iter()
            .find(|one| one.symbol == symbol(text))
            .unwrap()
            .source
    };
    for text in ["AAPL", "FB", "GOOG", "IBM", "MSFT"] {
        assert_eq!(source_of(text), QuoteSource::Replay, "{text}");
    }
    for text in ["GOOGL", "AMZN", "TSLA", "META", "NVDA", "XOM"] {
        assert_eq!(source_of(text), QuoteSource::Simulator, "{text}");
    }
}

#[test]
fn every_instrument_is_quoted_from_the_first_moment() {
    let mut feed = composite();

    let quoted: BTreeSet<_> = feed.advance(NOW).into_iter().map(|quote| quote.symbol).collect();

    let instruments = feed.instruments();
    assert!(
        instruments
            .iter()
            .all(|instrument| quoted.contains(&instrument.symbol))
    );
}

#[test]
fn a_long_pause_is_not_caught_up_with() {
    let mut paused = composite();
    let mut minute = composite();
    paused.advance(NOW);
    minute.advance(NOW);

    let after_a_day = paused.advance(NOW + Duration::from_secs(86_400));
    let after_a_minute = minute.advance(NOW + Duration::from_secs(60));

    let prices =
        |quotes: Vec<trading::QuoteUpdate>| -> Vec<_> { quotes.iter().map(|quote| quote.last).collect() };
    assert_eq!(prices(after_a_day), prices(after_a_minute));
}

#[test]
fn a_clock_that_goes_back_does_not_stop_the_market() {
    let mut feed = composite();
    feed.advance(NOW);
    let back = NOW - Duration::from_secs(3_600);

    feed.advance(back);

    assert_eq!(feed.advance(back + Duration::from_secs(1)).len(), 23);
}

#[test]
fn the_speed_is_the_session_seconds_of_a_second() {
    let config = ReplayConfig {
        speed: Some(ReplaySpeed::try_from(60).unwrap()),
        ..ReplayConfig::default()
    };
    let mut feed = MarketFeed::replay(ReplayData::bundled().unwrap(), config, SimulatorConfig::default());
    feed.advance(NOW);

    let quotes = feed.advance(NOW + Duration::from_secs(2));

    let apple = quotes
        .iter()
        .find(|quote| quote.symbol == symbol("AAPL"))
        .unwrap();
    assert_eq!(apple.source_at, time::macros::datetime!(2000-03-01 14:32 UTC));
}

#[test]
fn nights_are_skipped_and_the_recording_starts_again() {
    let bars = "Ticker,Date,Open,High,Low,Close,Volume\n\
                ACME,2013-02-28,10,11,9,10.5,100\n\
                ACME,2013-03-01,20,21,19,20.5,100\n";
    let data = ReplayData::read("acme.csv", bars.as_bytes()).unwrap();
    let mut feed = MarketFeed::replay(data, ReplayConfig::default(), SimulatorConfig::default());

    let opens: Vec<_> = (0..4)
        .map(|second| {
            let quotes = feed.advance(NOW + Duration::from_secs(second));
            let acme = quotes
                .iter()
                .find(|quote| quote.symbol == symbol("ACME"))
                .unwrap();
            acme.last.to_string()
        })
        .collect();

    assert_eq!(opens, ["10.00", "20.00", "10.00", "20.00"]);
}
