//! What operators see of the market.

use std::time::Duration;

use platform_core::Sources;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;

use super::QuoteBoard;

/// The metrics of a board, for the caller to register.
///
/// ```
/// use platform_core::Sources;
/// use prometheus_client::registry::Registry;
/// use trading::{BoardConfig, MarketFeed, MarketMetrics, QuoteBoard, SimulatorConfig};
///
/// let feed = MarketFeed::simulated(SimulatorConfig::default());
/// let board = QuoteBoard::new(feed.instruments(), BoardConfig::default());
/// let metrics = MarketMetrics::new(&board, Sources::system());
///
/// let mut registry = Registry::default();
/// registry.register("quote_updates", "Quotes published", metrics.quote_updates);
/// registry.register("quote_age_seconds", "Age of the newest quote", metrics.quote_age);
/// ```
#[derive(Debug, Clone)]
pub struct MarketMetrics {
    /// Quotes published. Register it as `quote_updates`: the exposition adds `_total`.
    pub quote_updates: Counter,
    /// Times that no quote came for so long that all had grown stale, in the middle of a session. Register it as `quote_gaps`.
    pub quote_gaps: Counter,
    /// Bars of a minute that could not be stored for so long that there was no room for them. Register it as `bars_lost`.
    pub bars_lost: Counter,
    /// The age of the newest quote. Register it as `quote_age_seconds`.
    pub quote_age: QuoteAge,
}

impl MarketMetrics {
    /// The metrics of `board`, whose ages count by the clock of `sources`.
    pub fn new(board: &QuoteBoard, sources: Sources) -> Self {
        Self {
            quote_updates: board.updates(),
            quote_gaps: board.gaps(),
            bars_lost: board.recorder().lost(),
            quote_age: QuoteAge {
                board: board.clone(),
                sources,
            },
        }
    }
}

/// Seconds since the last publication, read when it is scraped, so that it also grows when the feed has died.
///
/// There is no sample before the first quote.
#[derive(Debug, Clone)]
pub struct QuoteAge {
    board: QuoteBoard,
    sources: Sources,
}

impl QuoteAge {
    /// The age now. `None` before the first quote.
    pub fn read(&self) -> Option<Duration> {
        let newest = self.board.all().iter().map(|quote| quote.at).max()?;
        Some(Duration::try_from(self.sources.now() - newest).unwrap_or_default())
    }
}

impl EncodeMetric for QuoteAge {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        encoder.encode_gauge(&self.read().unwrap_or_default().as_secs_f64())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }

    fn is_empty(&self) -> bool {
        self.read().is_none()
    }
}
