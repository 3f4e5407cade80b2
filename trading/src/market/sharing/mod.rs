//! One market for several instances: one publishes, the others show what they hear of it.

mod config;
mod follow;
mod lead;
mod metrics;
mod packet;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use platform_core::Sources;
use platform_core::metrics::Metrics;
use platform_core::resilience::BreakerState;
use platform_core::runtime::{Check, Worker};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::metrics::SharingMetrics;
use super::played::Played;
use super::{QuoteBoard, RemoteFeed};

pub use config::SharedMarket;

/// The part of one instance in a shared market. Cheap to clone; clones are one instance.
#[derive(Debug, Clone)]
pub(crate) struct MarketSharing {
    shared: SharedMarket,
    board: QuoteBoard,
    sources: Sources,
    feed: RemoteFeed,
    /// Names this instance, so that it leaves out its own frames.
    origin: Uuid,
    /// Whether this instance leads, for those who work only then.
    leading: Arc<watch::Sender<bool>>,
    /// Whether this instance's board shows the market: it leads, or has heard of whoever does a moment ago.
    sees: Arc<watch::Sender<bool>>,
    /// The newest term that was led here or heard of: what an earlier leader says late is not believed.
    newest_term: Arc<AtomicU64>,
    played: Played,
    metrics: SharingMetrics,
}

impl MarketSharing {
    pub(crate) fn new(shared: SharedMarket, board: &QuoteBoard, sources: &Sources) -> Self {
        Self {
            shared,
            board: board.clone(),
            sources: sources.clone(),
            feed: RemoteFeed::new(board),
            origin: Uuid::from_bytes(sources.bytes()),
            leading: Arc::new(watch::Sender::new(false)),
            sees: Arc::new(watch::Sender::new(false)),
            newest_term: Arc::default(),
            played: Played::default(),
            metrics: SharingMetrics::default(),
        }
    }

    /// Registers what is counted, `quote_frames_missed` among it.
    pub(crate) fn register(&self, metrics: &Metrics) {
        metrics.register(
            "quote_frames_missed",
            "Times that frames of quotes of the leading instance had not come",
            self.feed.missed(),
        );
        self.metrics.register(metrics);
    }

    /// Whether this instance leads.
    pub(crate) fn leading(&self) -> watch::Receiver<bool> {
        self.leading.subscribe()
    }

    /// Whether this instance's board shows the market. Not before it was heard of for the first time, and not any more when nothing was
    /// for a while: whoever leads says something every few seconds also when the market rests.
    pub(crate) fn sees(&self) -> watch::Receiver<bool> {
        self.sees.subscribe()
    }

    pub(crate) fn played(&self) -> Played {
        self.played.clone()
    }

    /// The worker `trading.market_sharing`.
    pub(crate) fn worker(&self) -> Worker {
        let sharing = self.clone();
        Worker::new("trading.market_sharing", move |stop| {
            let sharing = sharing.clone();
            async move {
                sharing.run(stop).await;
                Ok(())
            }
        })
    }

    /// The soft check `market_data`: whether what the leader says is shown.
    pub(crate) fn check(&self) -> Check {
        let (source, leading) = (self.shared.source.clone(), self.leading());
        Check::soft("market_data", move || {
            let follows = !*leading.borrow();
            let is_open = follows && source.state() != BreakerState::Closed;
            std::future::ready(match is_open {
                true => Err("what is heard of the leading instance is not shown for a while".to_owned()),
                false => Ok(()),
            })
        })
    }

    /// Leads whenever the lease is to be had and follows otherwise, until it is told to stop. To be run once.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        tokio::join!(self.lead(&stop), stop.run_until_cancelled(self.follow()));
    }

    /// Takes note of a term. `false` for one that is over.
    fn note(&self, term: u64) -> bool {
        self.newest_term.fetch_max(term, Ordering::AcqRel) <= term
    }
}
