//! How the market stands, and following what operators do to it on other instances.

use std::sync::PoisonError;
use std::time::Duration;

use platform_core::{RequestContext, Timestamp};
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{Trading, TradingError};
use crate::market::MarketSettings;
use crate::store::{self, MarketEventRow, MarketSetting};
use crate::{MarketFeed, MarketSpeed, MarketWorker, Symbol};

/// The channel of the database's `NOTIFY`, on which a trigger sends the number of each event.
const CHANNEL: &str = "trading_market";

/// How often an instance looks for what it has not heard.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How the market stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct MarketState {
    /// How many things operators have done to it.
    pub seq: i64,
    /// Whether it stands still: no time passes and no quote comes, so that nothing is traded.
    pub paused: bool,
    /// How fast its time runs, as a multiple of the clock's: 0.1 to 100.
    #[cfg_attr(feature = "http", schema(value_type = String, example = "1"))]
    pub speed: MarketSpeed,
    /// The seed that the simulator was started anew with; null while it is the one of the configuration.
    pub seed: Option<u64>,
    /// Until when it was made to fall silent, for a test; null if it never was.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "http", schema(value_type = Option<String>, format = DateTime))]
    pub gap_until: Option<Timestamp>,
    /// The symbols in which trading is halted.
    pub halted: Vec<HaltedSymbol>,
}

/// A symbol in which trading is halted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct HaltedSymbol {
    /// The symbol.
    pub symbol: Symbol,
    /// Why.
    pub reason: String,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub since: Timestamp,
}

impl MarketState {
    /// How the market stands after these events, the newest of each setting, in their order.
    pub(super) fn after(events: &[MarketEventRow]) -> Self {
        let mut settings = MarketSettings::default();
        let mut halted: Vec<_> = events.iter().filter_map(halt).collect();
        halted.sort_by_key(|one| one.symbol);
        for event in events {
            settings = changed(settings, event);
        }
        Self {
            seq: events.iter().map(|event| event.seq).max().unwrap_or(0),
            paused: settings.paused,
            speed: settings.speed,
            seed: settings.seed.map(|(_, seed)| seed),
            gap_until: settings.gap_until,
            halted,
        }
    }
}

fn halt(event: &MarketEventRow) -> Option<HaltedSymbol> {
    Some(HaltedSymbol {
        symbol: event.symbol.filter(|_| event.value == 1)?,
        reason: event.reason.clone(),
        since: event.at,
    })
}

/// The settings after an event. A value that the table does not let in changes nothing.
fn changed(settings: MarketSettings, event: &MarketEventRow) -> MarketSettings {
    let value = u64::try_from(event.value).unwrap_or(0);
    let speed = u32::try_from(value).ok().map(MarketSpeed::from_thousandths);
    match (event.setting, speed) {
        (MarketSetting::Paused, _) => MarketSettings {
            paused: value == 1,
            ..settings
        },
        (MarketSetting::Speed, Some(Ok(speed))) => MarketSettings { speed, ..settings },
        (MarketSetting::Seed, _) => MarketSettings {
            seed: Some((u64::try_from(event.seq).unwrap_or(0), value)),
            ..settings
        },
        (MarketSetting::Gap, _) => MarketSettings {
            gap_until: event.at.checked_add(time::Duration::milliseconds(event.value)),
            ..settings
        },
        (MarketSetting::Halted | MarketSetting::Speed, _) => settings,
    }
}

impl Trading {
    /// A worker that moves the market of this brokerage by `feed`, in its hours and as operators set it.
    pub fn market_worker(&self, feed: MarketFeed) -> MarketWorker {
        MarketWorker::new(feed, self.inner.board.clone(), self.sources().clone())
            .controlled_by(self.inner.market.clone())
    }

    /// Does here what operators have done to the market and this instance has not heard of. The runtime module does this.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails. What was known before stays in force.
    pub async fn follow_market(&self) -> Result<(), TradingError> {
        let inner = &self.inner;
        let Some(tenant) = inner.config.market_tenant else {
            return Ok(());
        };
        let ctx = RequestContext::system(tenant, "follow the market", self.sources());
        let followed = *inner.followed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut read = inner.db.read(&ctx).await?;
        let events = store::market_events_after(&mut read, followed).await?;
        drop(read);
        self.obey(&events);
        Ok(())
    }

    /// Whoever comes later with older events changes nothing: numbers have no gaps, so that all of them are known here.
    fn obey(&self, events: &[MarketEventRow]) {
        let inner = &self.inner;
        let mut followed = inner.followed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut settings = inner.market.settings().unwrap_or_default();
        for event in events.iter().filter(|event| event.seq > *followed) {
            settings = changed(settings, event);
            match (event.symbol, event.value) {
                (Some(symbol), 1) => {
                    inner.board.halt(symbol, self.now());
                }
                (Some(symbol), _) => {
                    inner.board.resume(symbol);
                }
                (None, _) => {}
            }
        }
        let newest = events.iter().map(|event| event.seq).max();
        *followed = newest.map_or(*followed, |newest| newest.max(*followed));
        inner.market.set(settings);
    }
}

/// Keeps an instance at what operators do to the market on any of them.
#[derive(Debug, Clone)]
pub struct MarketStateWorker {
    trading: Trading,
}

impl MarketStateWorker {
    /// A worker for the market of this brokerage.
    pub fn new(trading: &Trading) -> Self {
        Self {
            trading: trading.clone(),
        }
    }

    /// Works until `stop` is cancelled: follows what it hears at once, and looks every two seconds. Cancel-safe.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails; start it again.
    pub async fn run(self, stop: CancellationToken) -> Result<(), TradingError> {
        stop.run_until_cancelled(self.work()).await.unwrap_or(Ok(()))
    }

    async fn work(&self) -> Result<(), TradingError> {
        let mut listener = self.trading.inner.db.listen(CHANNEL);
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                // Whatever it is, the rows tell.
                heard = listener.next() => if heard.is_none() {
                    return Ok(());
                },
            }
            self.trading.follow_market().await?;
        }
    }
}
