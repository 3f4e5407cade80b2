use std::time::Duration;

use trading::{MarketFeed, QuoteUpdate, ReplayConfig, ReplayData, SimulatorConfig};

use crate::support::{NOW, price, shares, symbol};

const FILE: &str = "ts,symbol,bid,bid_size,ask,ask_size,last\n\
    2026-01-02T14:30:00Z,ACME,10.00,100,10.01,200,10.01\n\
    2026-01-02T09:30:02-05:00,ACME,10.02,100,10.03,200.5,10.02\n\
    2026-01-02T14:30:02Z,EMCA,5.0001,0,5.0002,1,5.0001\n\
    2026-01-05T14:30:00Z,ACME,11.00,100,11.01,200,11.01\n";

fn feed() -> MarketFeed {
    let data = ReplayData::read("quotes.csv", FILE.as_bytes()).unwrap();
    MarketFeed::replay(data, ReplayConfig::default(), SimulatorConfig::default())
}

fn recorded(quotes: Vec<QuoteUpdate>) -> Vec<QuoteUpdate> {
    let is_recorded = |quote: &QuoteUpdate| quote.symbol == symbol("ACME") || quote.symbol == symbol("EMCA");
    quotes.into_iter().filter(is_recorded).collect()
}

#[test]
fn rows_are_played_at_the_times_they_were_recorded() {
    let mut feed = feed();
    let mut after = |ms| recorded(feed.advance(NOW + Duration::from_millis(ms)));

    let at_open = after(0);
    let before_the_second = after(1_999);
    let at_the_second = after(2_000);

    assert_eq!(at_open.len(), 1);
    assert_eq!(before_the_second, []);
    assert_eq!(at_the_second.len(), 2);
    assert_eq!(
        at_the_second[0].ask_size,
        trading::Quantity::from_e6(200_500_000).unwrap()
    );
    assert_eq!(at_the_second[1].bid, price("5.0001"));
    assert_eq!(at_the_second[1].bid_size, shares(0));
    assert_eq!(
        at_the_second[0].source_at,
        time::macros::datetime!(2026-01-02 14:30:02 UTC)
    );
}

#[test]
fn a_night_lasts_a_second_and_then_the_recording_starts_again() {
    let mut feed = feed();
    let mut bid_after = |ms| {
        recorded(feed.advance(NOW + Duration::from_millis(ms)))
            .first()
            .map(|one| one.bid)
    };

    assert_eq!(bid_after(0), Some(price("10.00")));
    assert_eq!(bid_after(2_500), Some(price("10.02")));
    assert_eq!(bid_after(3_000), Some(price("11.00")));
    assert_eq!(bid_after(4_000), Some(price("10.00")));
}

#[test]
fn rows_that_are_due_at_once_are_conflated_to_the_newest() {
    let mut feed = feed();
    feed.advance(NOW);

    let quotes = recorded(feed.advance(NOW + Duration::from_millis(3_500)));

    assert_eq!(quotes.len(), 2);
    assert_eq!(quotes[0].bid, price("11.00"));
}

#[test]
fn quoted_fields_a_byte_order_mark_and_carriage_returns_are_understood() {
    let file = "\u{feff}Ticker,Date,Open,High,Low,Close,Volume,Name\r\n\
                \"ACME\",2013-03-01,10,11,9,10.5,100,\"Acme, Inc.\"\r\n\r\n";

    let data = ReplayData::read("acme.csv", file.as_bytes()).unwrap();

    assert_eq!(data.rows(), 1);
}
