//! How many retries there may be.

use std::sync::atomic::{AtomicU64, Ordering};

use super::RetryConfig;

/// What one retry costs; a call earns the percentage of it.
const RETRY: u64 = 100;

/// Calls earn retries, and retries spend them: a dependency that is down is asked little more often than one that is well.
#[derive(Debug)]
pub(super) struct Budget {
    saved: AtomicU64,
    earned: u64,
    saved_max: u64,
}

impl Budget {
    /// Full.
    pub(super) fn new(config: RetryConfig) -> Self {
        let saved_max = u64::from(config.budget_max) * RETRY;
        Self {
            saved: AtomicU64::new(saved_max),
            earned: u64::from(config.budget_percent),
            saved_max,
        }
    }

    /// A call was made that is no retry.
    pub(super) fn earn(&self) {
        let more = |saved: u64| Some((saved + self.earned).min(self.saved_max));
        // It always has a value to set.
        let _ = self
            .saved
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Pays for a retry, if it can.
    pub(super) fn spend(&self) -> bool {
        let less = |saved: u64| saved.checked_sub(RETRY);
        self.saved
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }
}
