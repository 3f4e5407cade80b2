//! How often what is remembered of credentials was enough.

#[cfg(feature = "http")]
use platform_core::metrics::Metrics;

#[cfg(feature = "http")]
pub(crate) use platform_core::metrics::prometheus_client::metrics::counter::Counter;

/// Counts how credentials of a kind were found out about. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct LookupMetrics {
    /// From memory.
    pub(super) remembered: Counter,
    /// By a question to the database.
    pub(super) asked: Counter,
    /// By a question that another request had asked.
    pub(super) shared: Counter,
}

#[cfg(feature = "http")]
impl LookupMetrics {
    /// Exports them under names that begin with `of`, such as `auth_sessions`.
    pub(crate) fn register(&self, metrics: &Metrics, of: &str) {
        for (name, help, counter) in [
            (
                "remembered",
                "Requests whose credential was found in memory",
                &self.remembered,
            ),
            (
                "asked",
                "Questions to the database about a credential",
                &self.asked,
            ),
            (
                "shared",
                "Requests that shared the question of another",
                &self.shared,
            ),
        ] {
            metrics.register(&format!("{of}_{name}"), help, counter.clone());
        }
    }
}

/// Nobody reads the counts.
#[cfg(not(feature = "http"))]
#[derive(Debug, Clone, Default)]
pub(crate) struct Counter;

#[cfg(not(feature = "http"))]
impl Counter {
    pub(crate) fn inc(&self) {}
}
