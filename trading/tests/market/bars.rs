//! Bars of a stream of quotes against a reference that looks at all of it.

use std::collections::BTreeMap;
use std::time::Duration;

use platform_core::Timestamp;
use proptest::prelude::*;
use trading::{Price, QuoteUpdate, Timeframe};

use crate::support::{NOW, board, price, shares, symbol, update};

/// A quote to publish: after so many milliseconds, of the first or the second symbol.
#[derive(Debug, Clone)]
struct Tick {
    after_ms: u64,
    first: bool,
    last_cents: i64,
    bid_size: i64,
    ask_size: i64,
}

fn tick() -> impl Strategy<Value = Tick> {
    (
        0_u64..90_000,
        any::<bool>(),
        900_i64..=1_100,
        1_i64..5_000,
        1_i64..5_000,
    )
        .prop_map(|(after_ms, first, last_cents, bid_size, ask_size)| Tick {
            after_ms,
            first,
            last_cents,
            bid_size,
            ask_size,
        })
}

impl Tick {
    /// 10.00 bid, 10.01 asked; the last trade may be outside.
    fn update(&self) -> QuoteUpdate {
        QuoteUpdate {
            last: Price::from_e4(self.last_cents * 100).unwrap(),
            bid_size: shares(self.bid_size),
            ask_size: shares(self.ask_size),
            ..update(if self.first { "A" } else { "B" })
        }
    }

    fn size(&self) -> i64 {
        if self.last_cents >= 1_001 {
            self.ask_size
        } else {
            self.bid_size
        }
    }
}

/// Open, high, low, close, shares, quotes and the sum of shares times cents.
type Naive = (i64, i64, i64, i64, i64, u64, i64);

/// The bars of the first symbol, each from all of its quotes.
fn naive(ticks: &[(Timestamp, Tick)], seconds: i64) -> BTreeMap<i64, Naive> {
    let mut groups: BTreeMap<i64, Vec<&Tick>> = BTreeMap::new();
    for (at, tick) in ticks.iter().filter(|(_, tick)| tick.first) {
        let group = at.unix_timestamp().div_euclid(seconds) * seconds;
        groups.entry(group).or_default().push(tick);
    }
    let bar = |ticks: Vec<&Tick>| {
        let prices: Vec<_> = ticks.iter().map(|tick| tick.last_cents).collect();
        (
            prices[0],
            *prices.iter().max().unwrap(),
            *prices.iter().min().unwrap(),
            prices[prices.len() - 1],
            ticks.iter().map(|tick| tick.size()).sum(),
            u64::try_from(ticks.len()).unwrap(),
            ticks.iter().map(|tick| tick.size() * tick.last_cents).sum(),
        )
    };
    groups
        .into_iter()
        .map(|(start, ticks)| (start, bar(ticks)))
        .collect()
}

proptest! {
    #[test]
    fn the_bars_of_a_stream_are_those_of_a_naive_reference(ticks in prop::collection::vec(tick(), 1..120)) {
        let board = board();
        let mut at = NOW;
        let ticks: Vec<_> = ticks
            .into_iter()
            .map(|tick| {
                at += Duration::from_millis(tick.after_ms);
                board.publish(at, vec![tick.update()]);
                (at, tick)
            })
            .collect();

        for timeframe in [Timeframe::Second, Timeframe::Minute, Timeframe::Day] {
            let bars = board.recorded(symbol("A"), timeframe);
            let expected = naive(&ticks, timeframe.length().whole_seconds());

            prop_assert_eq!(bars.len(), expected.len());
            for (bar, (start, naive)) in bars.iter().zip(expected) {
                let cents = |price: Price| price.e4() / 100;
                let (open, high, low, close, volume, quotes, worth) = naive;
                prop_assert_eq!(bar.start.unix_timestamp(), start);
                prop_assert_eq!(bar.start.nanosecond(), 0);
                prop_assert_eq!([cents(bar.open), cents(bar.high), cents(bar.low), cents(bar.close)], [open, high, low, close]);
                prop_assert_eq!((bar.volume.e6(), bar.quotes), (volume * 1_000_000, quotes));
                // Half a unit off at most, and to the even one in the middle.
                let vwap = bar.vwap().unwrap().e4();
                let twice_off = (2 * vwap * volume - 2 * worth * 100).abs();
                prop_assert!(twice_off < volume || (twice_off == volume && vwap % 2 == 0));
            }
        }
    }

    #[test]
    fn a_stretch_without_a_quote_has_no_bar(pause_s in 2_u64..100_000) {
        let board = board();
        board.publish(NOW, vec![update("A")]);
        let later = NOW + Duration::from_secs(pause_s);
        board.publish(later, vec![update("A")]);

        let starts: Vec<_> = board.recorded(symbol("A"), Timeframe::Second).iter().map(|bar| bar.start).collect();

        prop_assert_eq!(starts, [NOW, later]);
    }
}

#[test]
fn seconds_go_back_an_hour_and_memory_does_not_grow_beyond() {
    let board = board();
    for second in 0..4_000 {
        board.publish(NOW + Duration::from_secs(second), vec![update("A")]);
    }

    let bars = board.recorded(symbol("A"), Timeframe::Second);

    assert_eq!(bars.len(), 3_600);
    assert_eq!(bars[0].start, NOW + Duration::from_secs(400));
}

#[test]
fn a_clock_that_is_set_back_reopens_no_bar() {
    let board = board();
    board.publish(NOW, vec![update("A")]);
    let before = NOW - Duration::from_secs(3_600);
    board.publish(
        before,
        vec![QuoteUpdate {
            last: price("10.00"),
            ..update("A")
        }],
    );

    for timeframe in [Timeframe::Second, Timeframe::Minute] {
        let bars = board.recorded(symbol("A"), timeframe);
        assert_eq!(bars.len(), 1, "{timeframe}");
        assert_eq!((bars[0].start, bars[0].quotes), (NOW, 2));
        assert_eq!((bars[0].open, bars[0].close), (price("10.01"), price("10.00")));
    }
}

#[test]
fn a_halt_adds_nothing_to_a_bar() {
    let board = board();
    board.publish(NOW, vec![update("A")]);
    board.halt(symbol("A"), NOW);
    board.publish(NOW, vec![update("A")]);

    assert_eq!(board.recorded(symbol("A"), Timeframe::Second)[0].quotes, 1);
}

#[test]
fn an_unknown_symbol_has_no_bars_and_an_unknown_word_is_no_timeframe() {
    assert!(board().recorded(symbol("Z"), Timeframe::Second).is_empty());
    for word in ["1h", "", "1S", "60s"] {
        assert!(word.parse::<Timeframe>().is_err(), "{word}");
    }
}
