//! How often what is remembered of a session was enough.

#[cfg(feature = "http")]
use platform_core::metrics::{Metrics, prometheus_client::metrics::counter::Counter};

/// Counts how the tokens of sessions were found out about. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionMetrics {
    /// From memory.
    pub(super) remembered: Counter,
    /// By a question to the database.
    pub(super) asked: Counter,
    /// By a question that another request had asked.
    pub(super) shared: Counter,
    /// The use of a session was written down.
    pub(super) touched: Counter,
}

#[cfg(feature = "http")]
impl SessionMetrics {
    /// Exports them.
    pub(crate) fn register(&self, metrics: &Metrics) {
        for (name, help, counter) in [
            (
                "auth_sessions_remembered",
                "Requests whose session was found in memory",
                &self.remembered,
            ),
            (
                "auth_sessions_asked",
                "Questions to the database about a session",
                &self.asked,
            ),
            (
                "auth_sessions_shared",
                "Requests that shared the question of another",
                &self.shared,
            ),
            (
                "auth_sessions_touched",
                "Uses of a session that were written down",
                &self.touched,
            ),
        ] {
            metrics.register(name, help, counter.clone());
        }
    }
}

/// Nobody reads the counts.
#[cfg(not(feature = "http"))]
#[derive(Debug, Clone, Default)]
pub(super) struct Counter;

#[cfg(not(feature = "http"))]
impl Counter {
    pub(super) fn inc(&self) {}
}
