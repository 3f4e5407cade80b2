//! The task that keeps the market moving.

use std::time::Duration;

use platform_core::Sources;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::control::MarketControl;
use super::played::Played;
use super::{MarketFeed, QuoteBoard};

/// Moves a feed along with the clock and publishes what it says.
#[derive(Debug)]
pub struct MarketWorker {
    feed: MarketFeed,
    board: QuoteBoard,
    sources: Sources,
    every: Duration,
    control: MarketControl,
    /// Whether this instance leads; one that is alone always does.
    leading: Option<watch::Receiver<bool>>,
    led: bool,
    /// How far the leader has played its recording.
    played: Played,
}

impl MarketWorker {
    /// A worker that publishes `feed` on `board` four times a second.
    pub fn new(feed: MarketFeed, board: QuoteBoard, sources: Sources) -> Self {
        Self {
            feed,
            board,
            sources,
            every: Duration::from_millis(250),
            control: MarketControl::free(),
            leading: None,
            led: false,
            played: Played::default(),
        }
    }

    /// Obeys what operators set.
    #[must_use]
    pub(crate) fn controlled_by(mut self, control: MarketControl) -> Self {
        self.control = control;
        self
    }

    /// Publishes at this interval instead; at least every 10 ms and at most every second.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = interval.clamp(Duration::from_millis(10), Duration::from_secs(1));
        self
    }

    /// Publishes only while this instance leads those that share a market; the others follow it with a [`RemoteFeed`](super::RemoteFeed).
    /// An instance that begins to lead goes on from the prices that its board shows.
    #[must_use]
    pub fn while_leading(mut self, leading: watch::Receiver<bool>) -> Self {
        self.leading = Some(leading);
        self
    }

    /// Tells there how far the recording is while this instance leads, and goes on from there when it begins to.
    #[must_use]
    #[cfg(feature = "http")]
    pub(crate) fn playing_along(mut self, played: Played) -> Self {
        self.played = played;
        self
    }

    /// Publishes until `stop` is cancelled. The first quotes come at once.
    ///
    /// A round that comes late is not made up for: the feed leaves out what lies between. Cancel-safe, there is no state outside
    /// the worker.
    pub async fn run(&mut self, stop: CancellationToken) {
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.publish();
        }
    }

    /// One round, for a caller that paces the market itself. Tells how many quotes it published.
    ///
    /// While the market is closed or paused, or another instance leads, the feed rests and there are no quotes.
    pub fn publish(&mut self) -> usize {
        let now = self.sources.now();
        let settings = self.control.settings().filter(|settings| !settings.paused);
        let (Some(settings), Some(_)) = (settings, self.board.calendar().session_at(now)) else {
            self.feed.rest(now);
            return 0;
        };
        self.feed.set_speed(settings.speed);
        self.feed.reseed(settings.seed);
        let leads = self.leading.as_ref().is_none_or(|leading| *leading.borrow());
        let led = std::mem::replace(&mut self.led, leads);
        if !leads {
            self.feed.rest(now);
            return 0;
        }
        if !led {
            self.feed.go_on_from(&self.board.all());
            if let Some(position) = self.played.position() {
                self.feed.go_on_at(position);
            }
        }
        let updates = self.feed.advance(now);
        self.played.tell(self.feed.position());
        if settings.gap_until.is_some_and(|until| now < until) {
            return 0;
        }
        self.board.publish(now, updates)
    }
}
