//! What operators see of the sharing.

use platform_core::metrics::Metrics;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Dropped {
    reason: &'static str,
}

#[derive(Debug, Clone, Default)]
pub(super) struct SharingMetrics {
    pub(super) leads: Gauge,
    pub(super) unsent: Counter,
    dropped: Family<Dropped, Counter>,
}

impl SharingMetrics {
    pub(super) fn register(&self, metrics: &Metrics) {
        metrics.register(
            "market_leader",
            "Whether this instance publishes the quotes of the market that instances share",
            self.leads.clone(),
        );
        metrics.register(
            "quote_frames_unsent",
            "Frames of quotes that were not sent to other instances",
            self.unsent.clone(),
        );
        metrics.register(
            "quote_frames_dropped",
            "Frames of quotes that were not shown, by the reason: unreadable, outdated, future or open",
            self.dropped.clone(),
        );
    }

    pub(super) fn dropped(&self, reason: &'static str) {
        self.dropped.get_or_create(&Dropped { reason }).inc();
    }
}
