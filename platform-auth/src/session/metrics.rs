//! How often the use of sessions was written down.

#[cfg(feature = "http")]
use platform_core::metrics::Metrics;

use crate::credential_cache::Counter;

/// Counts what is written about sessions. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionMetrics {
    /// The use of a session was written down.
    pub(super) touched: Counter,
}

#[cfg(feature = "http")]
impl SessionMetrics {
    /// Exports them.
    pub(crate) fn register(&self, metrics: &Metrics) {
        let help = "Uses of a session that were written down";
        metrics.register("auth_sessions_touched", help, self.touched.clone());
    }
}
