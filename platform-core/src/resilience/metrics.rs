//! What is counted of calls.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use crate::metrics::Metrics;

/// The name of a policy is a constant of the program, so that there are few.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    name: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    name: &'static str,
    reason: &'static str,
}

/// `circuit_breaker_state{name}`, `dependency_retries_total{name}` and `dependency_refusals_total{name, reason}`.
#[derive(Debug, Clone, Default)]
pub(super) struct PolicyMetrics {
    state: Family<Labels, Gauge>,
    retries: Family<Labels, Counter>,
    refusals: Family<RefusalLabels, Counter>,
}

impl PolicyMetrics {
    pub(super) fn register(metrics: &Metrics) -> Self {
        let made = Self::default();
        metrics.register(
            "circuit_breaker_state",
            "Whether calls to a dependency are made: 0 closed, 1 open, 2 half-open",
            made.state.clone(),
        );
        metrics.register(
            "dependency_retries",
            "Calls to a dependency that were made again",
            made.retries.clone(),
        );
        metrics.register(
            "dependency_refusals",
            "Calls to a dependency that were not made or not waited for, by the reason: full, open or deadline",
            made.refusals.clone(),
        );
        made
    }

    pub(super) fn state(&self, name: &'static str) -> Gauge {
        self.state.get_or_create(&Labels { name }).clone()
    }

    pub(super) fn retried(&self, name: &'static str) {
        self.retries.get_or_create(&Labels { name }).inc();
    }

    pub(super) fn refused(&self, name: &'static str, reason: &'static str) {
        self.refusals.get_or_create(&RefusalLabels { name, reason }).inc();
    }
}
