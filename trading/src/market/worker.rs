//! The task that keeps the market moving.

use std::time::Duration;

use platform_core::Sources;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{MarketFeed, QuoteBoard};

/// Moves a feed along with the clock and publishes what it says.
#[derive(Debug)]
pub struct MarketWorker {
    feed: MarketFeed,
    board: QuoteBoard,
    sources: Sources,
    every: Duration,
}

impl MarketWorker {
    /// A worker that publishes `feed` on `board` four times a second.
    pub fn new(feed: MarketFeed, board: QuoteBoard, sources: Sources) -> Self {
        Self {
            feed,
            board,
            sources,
            every: Duration::from_millis(250),
        }
    }

    /// Publishes at this interval instead; at least every 10 ms and at most every second.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = interval.clamp(Duration::from_millis(10), Duration::from_secs(1));
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

    /// One round, for a caller that paces the market itself.
    pub fn publish(&mut self) -> usize {
        let now = self.sources.now();
        self.board.publish(now, self.feed.advance(now))
    }
}
