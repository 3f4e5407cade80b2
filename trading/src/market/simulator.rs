//! The simulated market: a seeded random walk in whole numbers.

use std::time::Duration;

use platform_core::Timestamp;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::instrument::TICK_E4;
use super::{Instrument, QuoteSource, QuoteUpdate, units};
use crate::{Price, Symbol};

/// How the simulated market runs.
#[derive(Debug, Clone)]
pub struct SimulatorConfig {
    /// The same seed gives the same prices, symbol by symbol, whatever other symbols are simulated.
    pub seed: u64,
    /// The time between two quotes of a symbol. One second by default; at least a millisecond.
    pub step: Duration,
}

impl Default for SimulatorConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            step: Duration::from_secs(1),
        }
    }
}

/// The twenty simulated symbols: base price in 1e-4 USD, volatility label in thousandths.
///
/// A step moves the price by at most the label times 1e-2 (1.5e-4 of the price for AAPL: three ticks) and by a third of that
/// typically. A pull of 1/50,000 of the distance for each step keeps the price within a few per cent of its base, so that a server
/// that runs for months still quotes a sensible market.
const UNIVERSE: [(&str, i64, i64); 20] = [
    ("AAPL", 1_785_000, 15),
    ("AMD", 1_476_500, 28),
    ("AMZN", 1_782_500, 20),
    ("BAC", 337_500, 14),
    ("DIS", 1_124_500, 18),
    ("GOOGL", 1_418_000, 18),
    ("HD", 3_456_000, 11),
    ("INTC", 438_000, 20),
    ("JNJ", 1_568_000, 6),
    ("JPM", 1_954_000, 10),
    ("META", 5_057_500, 22),
    ("MSFT", 3_789_000, 12),
    ("NFLX", 4_853_000, 25),
    ("NVDA", 4_952_200, 30),
    ("PG", 1_589_000, 5),
    ("TSLA", 2_485_000, 35),
    ("UNH", 5_281_500, 12),
    ("V", 2_753_000, 8),
    ("WMT", 1_654_500, 7),
    ("XOM", 1_042_000, 16),
];

/// Steps made at most in one call: a longer pause is forgotten rather than caught up with.
const CATCH_UP_STEPS_MAX: u128 = 600;

/// The walks of the simulated symbols.
#[derive(Debug)]
pub(crate) struct Simulator {
    walks: Vec<Walk>,
    step_us: u128,
    carried_us: u128,
    started: bool,
}

impl Simulator {
    /// The twenty symbols except those that `replayed` names.
    pub(crate) fn new(config: &SimulatorConfig, replayed: &[Symbol]) -> Self {
        let walks = UNIVERSE
            .into_iter()
            .filter(|(symbol, ..)| replayed.iter().all(|other| other.as_str() != *symbol))
            .map(|(symbol, base_e4, label)| Walk::new(config.seed, symbol, base_e4, label))
            .collect();
        Self {
            walks,
            step_us: config.step.as_micros().max(1_000),
            carried_us: 0,
            started: false,
        }
    }

    /// Starts every walk anew from its base.
    pub(crate) fn reseed(&mut self, seed: u64) {
        for walk in &mut self.walks {
            *walk = Walk::new(seed, walk.symbol.as_str(), walk.base_e8 / 10_000, walk.label);
        }
    }

    /// Puts a walk where another instance's stood.
    pub(crate) fn go_on_from(&mut self, symbol: Symbol, bid: Price) {
        if let Some(walk) = self.walks.iter_mut().find(|walk| walk.symbol == symbol) {
            walk.price_e8 = (bid.e4() * 10_000).clamp(walk.base_e8 / 2, walk.base_e8 * 2);
        }
    }

    pub(crate) fn instruments(&self) -> impl Iterator<Item = Instrument> {
        self.walks
            .iter()
            .map(|walk| Instrument::new(walk.symbol, QuoteSource::Simulator))
    }

    /// Makes the steps that are due after `elapsed` and tells the newest quote of each symbol, if there was a step.
    pub(crate) fn advance(&mut self, elapsed: Duration, now: Timestamp) -> Vec<QuoteUpdate> {
        self.carried_us += elapsed.as_micros();
        let due = self.carried_us / self.step_us;
        self.carried_us %= self.step_us;
        let first = !std::mem::replace(&mut self.started, true);
        if due == 0 && !first {
            return Vec::new();
        }
        for _ in 0..due.min(CATCH_UP_STEPS_MAX) {
            self.walks.iter_mut().for_each(Walk::step);
        }
        self.walks.iter().map(|walk| walk.quote(now)).collect()
    }
}

/// The price of one symbol.
#[derive(Debug)]
struct Walk {
    symbol: Symbol,
    random: ChaCha8Rng,
    base_e8: i64,
    label: i64,
    /// The bid before it is rounded down to a tick, in 1e-8 USD so that small moves add up.
    price_e8: i64,
    /// The random bits that shape the quote around the price.
    shape: u64,
}

impl Walk {
    fn new(seed: u64, symbol: &str, base_e4: i64, label: i64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(units::fingerprint(symbol));
        let shape = random.next_u64();
        Self {
            symbol: units::known_symbol(symbol),
            random,
            base_e8: base_e4 * 10_000,
            label,
            price_e8: base_e4 * 10_000,
            shape,
        }
    }

    fn step(&mut self) {
        // Four uniform draws in [-65,535, 65,535] add up to a bell with a hard edge.
        let bits = self.random.next_u64();
        let bell: i64 = [0, 16, 32, 48]
            .into_iter()
            .map(|shift| i64::try_from((bits >> shift) & 0xffff).unwrap_or(0) * 2 - 65_535)
            .sum();
        // At most 1.1e11 * 35 * 262,140 = 1.0e18: no overflow for any symbol of the universe.
        let noise = self.price_e8 * self.label * bell / (4 * 65_535 * 100_000);
        let pull = (self.base_e8 - self.price_e8) / 50_000;
        self.price_e8 = (self.price_e8 + noise + pull).clamp(self.base_e8 / 2, self.base_e8 * 2);
        self.shape = self.random.next_u64();
    }

    fn quote(&self, now: Timestamp) -> QuoteUpdate {
        let bid_e4 = self.price_e8 / (TICK_E4 * 10_000) * TICK_E4;
        // The market is one tick wide three times out of four, else two.
        let ask_e4 = bid_e4
            + if self.shape & 0b11 == 0 {
                2 * TICK_E4
            } else {
                TICK_E4
            };
        let last_e4 = if self.shape & 0b100 == 0 { bid_e4 } else { ask_e4 };
        QuoteUpdate {
            symbol: self.symbol,
            bid: units::price(bid_e4),
            bid_size: units::shares(round_lots(self.shape >> 8)),
            ask: units::price(ask_e4),
            ask_size: units::shares(round_lots(self.shape >> 32)),
            last: units::price(last_e4),
            source_at: now,
            source: QuoteSource::Simulator,
        }
    }
}

/// 100 to 5,000 shares in hundreds; the modulus favours none of the fifty by more than one in 300,000.
fn round_lots(bits: u64) -> u64 {
    ((bits & 0xff_ffff) % 50 + 1) * 100
}
