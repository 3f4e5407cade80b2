//! Recorded and simulated prices as one market.

use std::sync::Arc;
use std::time::Duration;

use platform_core::Timestamp;

use super::replay::Replay;
use super::simulator::Simulator;
use super::{
    Instrument, MarketSpeed, PublishedQuote, QuoteUpdate, ReplayConfig, ReplayData, SimulatorConfig,
};

/// The longest pause that is caught up with. After a longer one (a suspended machine) the market goes on where it stood.
const CATCH_UP_MAX: Duration = Duration::from_secs(60);

/// The source of all prices of a service: a recording, and the simulator for those of its twenty symbols that the recording does
/// not have.
///
/// A feed does no I/O and reads no clock. The same calls give the same quotes.
///
/// ```
/// use trading::{MarketFeed, SimulatorConfig};
/// use time::macros::datetime;
///
/// let mut feed = MarketFeed::simulated(SimulatorConfig::default());
/// let quotes = feed.advance(datetime!(2026-01-02 15:00 UTC));
/// assert_eq!(quotes.len(), 20);
/// ```
#[derive(Debug)]
pub struct MarketFeed {
    replay: Option<Replay>,
    simulator: Simulator,
    moved_at: Option<Timestamp>,
    speed: MarketSpeed,
    /// The number of the change that the simulator's seed is from.
    seeded_by: Option<u64>,
}

impl MarketFeed {
    /// The twenty simulated symbols.
    pub fn simulated(simulator: SimulatorConfig) -> Self {
        Self {
            replay: None,
            simulator: Simulator::new(&simulator, &[]),
            moved_at: None,
            speed: MarketSpeed::REAL_TIME,
            seeded_by: None,
        }
    }

    /// The symbols of `data`, and the simulated symbols that are not among them.
    pub fn replay(data: ReplayData, replay: ReplayConfig, simulator: SimulatorConfig) -> Self {
        let simulator = Simulator::new(&simulator, &data.symbols());
        Self {
            replay: Some(Replay::new(data, &replay)),
            simulator,
            moved_at: None,
            speed: MarketSpeed::REAL_TIME,
            seeded_by: None,
        }
    }

    /// Every symbol this feed quotes, once each, in the order of the symbols.
    pub fn instruments(&self) -> Vec<Instrument> {
        let mut instruments: Vec<_> = self.replay.iter().flat_map(Replay::instruments).collect();
        instruments.extend(self.simulator.instruments());
        instruments.sort_by_key(|instrument| instrument.symbol);
        instruments
    }

    /// Lets the time until `now` pass without a move.
    pub fn rest(&mut self, now: Timestamp) {
        if self.moved_at.is_some() {
            self.moved_at = Some(now);
        }
    }

    /// From now on the market's time runs at this speed.
    pub fn set_speed(&mut self, speed: MarketSpeed) {
        self.speed = speed;
    }

    /// Starts the simulator anew with a seed, once for each change that orders it: its number, and the seed.
    pub(crate) fn reseed(&mut self, change: Option<(u64, u64)>) {
        if let Some((number, seed)) = change
            && self.seeded_by != Some(number)
        {
            self.seeded_by = Some(number);
            self.simulator.reseed(seed);
        }
    }

    /// Goes on from the prices of these quotes, as far as they are simulated.
    pub(crate) fn go_on_from(&mut self, quotes: &[Arc<PublishedQuote>]) {
        for quote in quotes {
            self.simulator.go_on_from(quote.symbol, quote.bid);
        }
    }

    /// How far the recording is; nothing where there is none.
    pub(crate) fn position(&self) -> Duration {
        self.replay.as_ref().map(Replay::position).unwrap_or_default()
    }

    /// Goes on with the recording from there.
    pub(crate) fn go_on_at(&mut self, position: Duration) {
        if let Some(replay) = &mut self.replay {
            replay.go_on_at(position);
        }
    }

    /// Moves the market to `now` and tells the newest quote of every symbol that has one, at most one for each symbol.
    ///
    /// The first call opens the market. When the calls come late, what lies between is left out; a pause of more than a minute, or
    /// a clock that went back, moves nothing further than a minute.
    pub fn advance(&mut self, now: Timestamp) -> Vec<QuoteUpdate> {
        let elapsed = self
            .moved_at
            .and_then(|moved_at| Duration::try_from(now - moved_at).ok())
            .unwrap_or_default()
            .min(CATCH_UP_MAX);
        let elapsed = self.speed.of(elapsed);
        self.moved_at = Some(now);
        let mut updates = self.simulator.advance(elapsed, now);
        if let Some(replay) = &mut self.replay {
            updates.extend(replay.advance(elapsed));
        }
        updates
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: Timestamp = datetime!(2026-01-05 15:00 UTC);

    fn feed() -> MarketFeed {
        let mut file = "ts,symbol,bid,bid_size,ask,ask_size,last\n".to_owned();
        for second in 10..50 {
            file.push_str(&format!(
                "2026-01-02T14:30:{second}Z,ACME,{second}.00,1,{second}.01,1,{second}.00\n"
            ));
        }
        let data = ReplayData::read("quotes.csv", file.as_bytes()).unwrap();
        MarketFeed::replay(data, ReplayConfig::default(), SimulatorConfig::default())
    }

    fn acme(feed: &mut MarketFeed, second: u64) -> Option<String> {
        let quotes = feed.advance(NOW + Duration::from_secs(second));
        let quote = quotes.iter().find(|quote| quote.symbol.as_str() == "ACME");
        quote.map(|quote| quote.bid.to_string())
    }

    #[test]
    fn a_recording_of_quotes_goes_on_where_another_instance_is_with_it() {
        let (mut leader, mut follower) = (feed(), feed());
        acme(&mut leader, 0);
        assert_eq!(acme(&mut leader, 25).as_deref(), Some("35.00"));

        follower.go_on_at(leader.position());

        assert_eq!(acme(&mut follower, 25), None, "it was played");
        assert_eq!(acme(&mut follower, 26).as_deref(), Some("36.00"));
        assert_eq!(acme(&mut leader, 26).as_deref(), Some("36.00"));
        // It ends and begins anew at both.
        assert_eq!(acme(&mut follower, 43), acme(&mut leader, 43));
    }
}
