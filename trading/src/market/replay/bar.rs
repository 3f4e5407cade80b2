//! A day of a symbol, and the way its price went.

use time::Date;

use super::super::instrument::TICK_E4;
use super::super::{QuoteSource, QuoteUpdate, units};
use super::session::{SESSION_SECONDS, session_open};
use crate::{Price, Symbol};

/// The prices of one trading day. `low <= open, close <= high` holds for every bar that was read from a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// The trading day.
    pub date: Date,
    /// The first price.
    pub open: Price,
    /// The highest price.
    pub high: Price,
    /// The lowest price.
    pub low: Price,
    /// The last price.
    pub close: Price,
    /// Shares traded.
    pub volume: u64,
}

/// The way a price took through a day: a guess that is the same every time, since a bar does not say more.
///
/// It starts at the open, reaches one extreme after a quarter of the session and the other after three quarters, and ends at the
/// close: the low comes first on a day that closes at or above its open, else the high. Every half minute between lies on the
/// straight line with a small deviation that the symbol, the day and the half minute determine, in whole cents. No price is outside
/// the bar.
///
/// ```
/// use trading::{DayPath, ReplayData, SESSION_SECONDS};
///
/// let data = ReplayData::bundled()?;
/// let apple = "AAPL".parse()?;
/// let first_day = data.bars(apple).and_then(|bars| bars.first()).ok_or("no bars")?;
/// let path = DayPath::new(apple, first_day);
///
/// assert_eq!(path.price_at(0).to_string(), "118.56");
/// assert_eq!(path.price_at(SESSION_SECONDS / 4).to_string(), "118.50");
/// assert_eq!(path.price_at(SESSION_SECONDS).to_string(), "130.31");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct DayPath<'b> {
    bar: &'b Bar,
    symbol: Symbol,
    seed: u64,
    /// Price in 1e-4 USD at the knots of the path.
    knots: [i64; 4],
}

/// The half minutes of the session at which the knots lie: open, a quarter, three quarters, close.
const KNOT_STEPS: [i64; 4] = [0, 195, 585, 780];
/// Microseconds in half a minute.
const STEP_US: i64 = 30_000_000;
/// The deviation from the straight line is at most this part of the day's range.
const DEVIATION_DIVISOR: i64 = 16;

impl<'b> DayPath<'b> {
    /// The path of `symbol` through the day of `bar`.
    pub fn new(symbol: Symbol, bar: &'b Bar) -> Self {
        let rises = bar.close >= bar.open;
        let (first, second) = if rises {
            (bar.low, bar.high)
        } else {
            (bar.high, bar.low)
        };
        let day = u64::from(bar.date.to_julian_day().unsigned_abs());
        Self {
            bar,
            symbol,
            seed: scramble(units::fingerprint(symbol.as_str()) ^ day),
            knots: [bar.open.e4(), first.e4(), second.e4(), bar.close.e4()],
        }
    }

    /// The last price `second` seconds after the open; the close from the end of the session on.
    pub fn price_at(&self, second: u32) -> Price {
        units::price(self.price_e4(i64::from(second.min(SESSION_SECONDS)) * 1_000_000))
    }

    /// The quote so many microseconds after the open.
    pub(super) fn quote_at(&self, offset_us: i64) -> QuoteUpdate {
        let last_e4 = self.price_e4(offset_us);
        let (low_e4, high_e4) = (self.bar.low.e4(), self.bar.high.e4());
        // The last trade was at one side of the market; nobody quotes outside the day's range.
        let at_bid = last_e4 - low_e4 <= high_e4 - last_e4;
        let (bid_e4, ask_e4) = if at_bid {
            (last_e4, high_e4.min(last_e4 + TICK_E4))
        } else {
            (low_e4.max(last_e4 - TICK_E4), last_e4)
        };
        let bits = scramble(self.seed ^ offset_us.unsigned_abs());
        QuoteUpdate {
            symbol: self.symbol,
            bid: units::price(bid_e4),
            bid_size: units::shares(self.displayed(bits)),
            ask: units::price(ask_e4),
            ask_size: units::shares(self.displayed(bits >> 32)),
            last: units::price(last_e4),
            source_at: session_open(self.bar.date) + time::Duration::microseconds(offset_us),
            source: QuoteSource::Replay,
        }
    }

    /// Half to one and a half times what the day traded in a second, in hundreds, from 100 to 1,000,000.
    fn displayed(&self, bits: u64) -> u64 {
        let a_second = (self.bar.volume / u64::from(SESSION_SECONDS)).min(1_000_000);
        let shares = a_second * (50 + (bits & 0xffff) % 101) / 100;
        (shares / 100 * 100).clamp(100, 1_000_000)
    }

    fn price_e4(&self, offset_us: i64) -> i64 {
        let (step, rest_us) = (offset_us / STEP_US, offset_us % STEP_US);
        if rest_us == 0 {
            return self.point_e4(step);
        }
        let here = self.point_e4(step);
        let there = self.point_e4(step + 1);
        self.round(between(here, there, rest_us, STEP_US))
    }

    /// The price at a whole half minute.
    fn point_e4(&self, step: i64) -> i64 {
        for ((from_step, to_step), (from, to)) in pairs(KNOT_STEPS).zip(pairs(self.knots)) {
            if step == from_step {
                return from;
            }
            if step < to_step {
                let line = between(from, to, step - from_step, to_step - from_step);
                return self.round(line + self.deviation(step));
            }
        }
        self.knots[3]
    }

    fn deviation(&self, step: i64) -> i64 {
        let range = self.bar.high.e4() - self.bar.low.e4();
        let bits = scramble(self.seed ^ scramble(step.unsigned_abs())) & 0xffff;
        let bits = i64::try_from(bits).unwrap_or(0);
        between(
            -range / DEVIATION_DIVISOR,
            range / DEVIATION_DIVISOR,
            bits,
            0xffff,
        )
    }

    /// The nearest whole cent that is not outside the bar.
    fn round(&self, e4: i64) -> i64 {
        let cents = (e4 + TICK_E4 / 2).div_euclid(TICK_E4) * TICK_E4;
        cents.clamp(self.bar.low.e4(), self.bar.high.e4())
    }
}

/// The point `part / whole` of the way, rounded towards the start.
fn between(from: i64, to: i64, part: i64, whole: i64) -> i64 {
    let way = i128::from(to - from) * i128::from(part) / i128::from(whole);
    from + i64::try_from(way).expect("a part of a way is no longer than the way")
}

fn pairs(four: [i64; 4]) -> impl Iterator<Item = (i64, i64)> {
    let [a, b, c, d] = four;
    [(a, b), (b, c), (c, d)].into_iter()
}

/// A bijection that leaves no trace of its input's order (the finaliser of SplitMix64).
fn scramble(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
