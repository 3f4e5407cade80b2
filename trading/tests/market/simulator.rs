use std::time::Duration;

use platform_core::Timestamp;
use trading::{MarketFeed, QuoteUpdate, ReplayConfig, ReplayData, SimulatorConfig};

use crate::support::{NOW, price, shares, symbol};

fn seeded(seed: u64) -> MarketFeed {
    MarketFeed::simulated(SimulatorConfig {
        seed,
        ..SimulatorConfig::default()
    })
}

fn run(mut feed: MarketFeed, seconds: u32) -> Vec<Vec<QuoteUpdate>> {
    let at = |second: u32| -> Timestamp { NOW + Duration::from_secs(second.into()) };
    (0..seconds).map(|second| feed.advance(at(second))).collect()
}

#[test]
fn the_same_seed_gives_the_same_quotes() {
    assert_eq!(run(seeded(7), 100), run(seeded(7), 100));
    assert_ne!(run(seeded(7), 100), run(seeded(8), 100));
}

#[test]
fn the_quotes_do_not_depend_on_how_often_the_market_is_moved() {
    let mut rare = seeded(7);
    rare.advance(NOW);

    let after_ten = rare.advance(NOW + Duration::from_secs(10));

    assert_eq!(Some(&after_ten), run(seeded(7), 11).last());
}

#[test]
fn a_symbol_is_not_moved_by_which_others_are_simulated() {
    let tesla_of = |mut feed: MarketFeed| {
        feed.advance(NOW);
        let quotes = feed.advance(NOW + Duration::from_secs(30));
        quotes
            .into_iter()
            .find(|quote| quote.symbol == symbol("TSLA"))
            .unwrap()
    };
    let config = SimulatorConfig::default();
    let with_replay = MarketFeed::replay(
        ReplayData::bundled().unwrap(),
        ReplayConfig::default(),
        config.clone(),
    );

    assert_eq!(tesla_of(with_replay), tesla_of(MarketFeed::simulated(config)));
}

#[test]
fn the_first_quotes_are_at_the_base_prices() {
    let first = seeded(1).advance(NOW);

    let apple = first.iter().find(|quote| quote.symbol == symbol("AAPL")).unwrap();
    assert_eq!(apple.bid, price("178.50"));
    assert_eq!(first.len(), 20);
}

#[test]
fn every_quote_is_a_market_of_one_or_two_ticks_with_round_lots() {
    for quote in run(seeded(3), 2_000).into_iter().flatten() {
        let spread = quote.ask.e4() - quote.bid.e4();
        assert!(spread == 100 || spread == 200, "{quote:?}");
        assert!(quote.last == quote.bid || quote.last == quote.ask, "{quote:?}");
        assert_eq!(quote.bid.e4() % 100, 0);
        for size in [quote.bid_size, quote.ask_size] {
            assert!(shares(100) <= size && size <= shares(5_000), "{quote:?}");
            assert_eq!(size.e6() % shares(100).e6(), 0);
        }
    }
}

#[test]
fn no_second_moves_a_price_by_more_than_its_label_allows() {
    let labels = [("PG", 5), ("AAPL", 15), ("BAC", 14), ("TSLA", 35)];
    let seconds = run(seeded(5), 3_000);

    for (text, label) in labels {
        let bids: Vec<_> = seconds
            .iter()
            .flatten()
            .filter(|quote| quote.symbol == symbol(text))
            .map(|quote| quote.bid.e4())
            .collect();
        let moved = bids.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(moved > 100, "{text} moved {moved} times");
        for pair in bids.windows(2) {
            // One tick more for the rounding.
            let most = pair[0] * label / 100_000 + 100 + pair[0] / 50_000;
            assert!((pair[1] - pair[0]).abs() <= most, "{text} {pair:?}");
        }
    }
}

#[test]
fn two_days_of_quotes_stay_near_the_base_price() {
    let mut feed = seeded(11);
    let mut now = NOW;
    feed.advance(now);

    for _ in 0..(2 * 24 * 60) {
        now += Duration::from_secs(60);
        let quotes = feed.advance(now);
        let tesla = quotes
            .iter()
            .find(|quote| quote.symbol == symbol("TSLA"))
            .unwrap();
        assert!(
            price("200.00") < tesla.bid && tesla.ask < price("300.00"),
            "{tesla:?}"
        );
    }
}

#[test]
fn between_two_steps_there_is_nothing_new() {
    let mut feed = seeded(1);
    feed.advance(NOW);

    assert_eq!(feed.advance(NOW + Duration::from_millis(999)), []);
    assert_eq!(feed.advance(NOW + Duration::from_millis(1_000)).len(), 20);
}
