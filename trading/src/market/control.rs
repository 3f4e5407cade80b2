//! What operators set of a market that all tenants share.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use platform_core::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::sync::watch;

use crate::DecimalText;

/// How fast the market's time runs: 0.1 to 100 times as fast as the clock, in steps of a thousandth.
///
/// ```
/// use trading::MarketSpeed;
///
/// let speed: MarketSpeed = "2.5".parse()?;
/// assert_eq!(speed.thousandths(), 2_500);
/// assert_eq!(speed.to_string(), "2.5");
/// assert!("0.05".parse::<MarketSpeed>().is_err());
/// # Ok::<(), trading::InvalidMarketSpeed>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MarketSpeed(u32);

/// A number is not a speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a speed is a number from 0.1 to 100 with at most three decimals")]
pub struct InvalidMarketSpeed;

impl MarketSpeed {
    /// As fast as the clock.
    pub const REAL_TIME: Self = Self(1_000);

    /// The speed of so many thousandths of the clock's, 100 to 100,000.
    ///
    /// # Errors
    /// [`InvalidMarketSpeed`] beyond that.
    pub fn from_thousandths(thousandths: u32) -> Result<Self, InvalidMarketSpeed> {
        let is_one = (100..=100_000).contains(&thousandths);
        is_one.then_some(Self(thousandths)).ok_or(InvalidMarketSpeed)
    }

    /// In thousandths of the clock's.
    pub const fn thousandths(self) -> u32 {
        self.0
    }

    /// How long the market's time runs while the clock's runs `elapsed`.
    pub(super) fn of(self, elapsed: Duration) -> Duration {
        elapsed.saturating_mul(self.0) / 1_000
    }
}

impl Default for MarketSpeed {
    fn default() -> Self {
        Self::REAL_TIME
    }
}

impl FromStr for MarketSpeed {
    type Err = InvalidMarketSpeed;

    fn from_str(text: &str) -> Result<Self, InvalidMarketSpeed> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(whole) || !is_digits(part) || whole.len() > 3 || part.len() > 3 {
            return Err(InvalidMarketSpeed);
        }
        let thousandths: u32 = format!("{whole}{part:0<3}")
            .parse()
            .map_err(|_| InvalidMarketSpeed)?;
        Self::from_thousandths(thousandths)
    }
}

impl fmt::Display for MarketSpeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:03}", self.0 / 1_000, self.0 % 1_000);
        f.pad(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Serialize for MarketSpeed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MarketSpeed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = DecimalText::deserialize(deserializer)?;
        text.as_str().parse().map_err(serde::de::Error::custom)
    }
}

/// How the market runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct MarketSettings {
    /// No time passes and no quote comes.
    pub(crate) paused: bool,
    pub(crate) speed: MarketSpeed,
    /// The seed of the simulator and the number of the event that set it; `None` leaves it as it was configured.
    pub(crate) seed: Option<(u64, u64)>,
    /// Time passes and no quote comes until then.
    pub(crate) gap_until: Option<Timestamp>,
}

/// A handle between whoever sets the market and whoever moves it. Cheap to clone; clones share their settings.
#[derive(Debug, Clone)]
pub(crate) struct MarketControl {
    /// `None` until the settings are known.
    settings: Arc<watch::Sender<Option<MarketSettings>>>,
}

impl MarketControl {
    /// For a market that nobody sets.
    pub(crate) fn free() -> Self {
        Self::with(Some(MarketSettings::default()))
    }

    /// For a market whose settings have to be read first; it rests until then.
    pub(crate) fn unread() -> Self {
        Self::with(None)
    }

    fn with(settings: Option<MarketSettings>) -> Self {
        Self {
            settings: Arc::new(watch::Sender::new(settings)),
        }
    }

    pub(crate) fn settings(&self) -> Option<MarketSettings> {
        *self.settings.borrow()
    }

    pub(crate) fn set(&self, settings: MarketSettings) {
        self.settings.send_replace(Some(settings));
    }
}
