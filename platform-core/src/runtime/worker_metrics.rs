//! The counter of worker restarts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::metrics::Metrics;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    worker: String,
}

/// `worker_restarts_total{worker}`. The label is bounded by the workers that modules register.
#[derive(Debug, Clone)]
pub(super) struct Restarts(Family<Labels, Counter>);

impl Restarts {
    pub(super) fn register(metrics: &Metrics) -> Self {
        let family = Family::default();
        metrics.register(
            "worker_restarts",
            "Workers started again after an error or a panic",
            family.clone(),
        );
        Self(family)
    }

    pub(super) fn count(&self, worker: &str) {
        let labels = Labels {
            worker: worker.to_owned(),
        };
        self.0.get_or_create(&labels).inc();
    }
}
