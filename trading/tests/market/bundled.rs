use trading::{Alignment, DayPath, MarketFeed, ReplayConfig, ReplayData, SESSION_SECONDS, SimulatorConfig};

use crate::support::{NOW, price, symbol};

#[test]
fn the_bundled_file_has_every_bar_of_its_five_symbols() {
    let data = ReplayData::bundled().unwrap();

    assert_eq!(data.rows(), 12_154);
    let counts: Vec<_> = data
        .symbols()
        .into_iter()
        .map(|symbol| (symbol.to_string(), data.bars(symbol).unwrap().len()))
        .collect();
    let expected = [
        ("AAPL", 3_270),
        ("FB", 196),
        ("GOOG", 2_148),
        ("IBM", 3_270),
        ("MSFT", 3_270),
    ];
    assert_eq!(counts, expected.map(|(text, count)| (text.to_owned(), count)));
}

#[test]
fn every_path_of_the_bundled_file_stays_inside_its_bar_and_touches_open_low_high_and_close() {
    let data = ReplayData::bundled().unwrap();

    for symbol in data.symbols() {
        for bar in data.bars(symbol).unwrap() {
            let path = DayPath::new(symbol, bar);
            let first_quarter = path.price_at(SESSION_SECONDS / 4);
            let third_quarter = path.price_at(SESSION_SECONDS / 4 * 3);
            let extremes = if bar.close >= bar.open {
                (bar.low, bar.high)
            } else {
                (bar.high, bar.low)
            };

            assert_eq!(path.price_at(0), bar.open);
            assert_eq!((first_quarter, third_quarter), extremes);
            assert_eq!(path.price_at(SESSION_SECONDS), bar.close);
            for second in (0..SESSION_SECONDS).step_by(97) {
                let price = path.price_at(second);
                assert!(
                    bar.low <= price && price <= bar.high,
                    "{symbol} {} at {second}",
                    bar.date
                );
            }
        }
    }
}

#[test]
fn the_first_quote_of_a_replayed_symbol_is_the_open_of_its_first_day() {
    let data = ReplayData::bundled().unwrap();
    let mut feed = MarketFeed::replay(data, ReplayConfig::default(), SimulatorConfig::default());

    let quotes = feed.advance(NOW);

    let last_of = |text| quotes.iter().find(|quote| quote.symbol == symbol(text)).unwrap();
    assert_eq!(last_of("AAPL").last, price("118.56"));
    assert_eq!(
        last_of("AAPL").source_at,
        time::macros::datetime!(2000-03-01 14:30 UTC)
    );
    assert_eq!(
        last_of("FB").source_at,
        time::macros::datetime!(2012-05-18 13:30 UTC)
    );
}

#[test]
fn on_a_common_calendar_only_symbols_that_trade_on_the_day_are_quoted() {
    let data = ReplayData::bundled().unwrap();
    let config = ReplayConfig {
        alignment: Alignment::Calendar,
        ..ReplayConfig::default()
    };
    let mut feed = MarketFeed::replay(data, config, SimulatorConfig::default());

    let quotes = feed.advance(NOW);

    let is_quoted = |text| quotes.iter().any(|quote| quote.symbol == symbol(text));
    assert!(is_quoted("AAPL") && is_quoted("IBM") && is_quoted("MSFT"));
    assert!(!is_quoted("FB") && !is_quoted("GOOG"));
}

#[test]
fn every_quote_of_a_whole_replay_lies_inside_the_bar_of_its_day() {
    let data = ReplayData::bundled().unwrap();
    let bars = data.clone();
    let mut feed = MarketFeed::replay(data, ReplayConfig::default(), SimulatorConfig::default());
    let mut now = NOW;

    // Four quotes of each of 3,300 days: IBM wraps around once, FB sixteen times.
    for _ in 0..13_200 {
        now += std::time::Duration::from_millis(250);
        for quote in feed.advance(now) {
            let Some(bars) = bars.bars(quote.symbol) else {
                continue;
            };
            let day = quote.source_at.date();
            let bar = &bars[bars.binary_search_by_key(&day, |bar| bar.date).unwrap()];
            assert!(
                bar.low <= quote.bid && quote.bid <= quote.last,
                "{quote:?} {bar:?}"
            );
            assert!(
                quote.last <= quote.ask && quote.ask <= bar.high,
                "{quote:?} {bar:?}"
            );
        }
    }
}
