//! How far a recording is, at the instance that plays it and at those that play it next.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How far the recording of a shared market is. Cheap to clone; clones share it.
///
/// An instance begins to lead where the leader before it was, as far as it has heard: it would start the recording anew otherwise, and
/// prices would jump by years.
#[derive(Debug, Clone)]
pub(crate) struct Played(Arc<AtomicU64>);

/// Nobody has told yet.
const UNTOLD: u64 = u64::MAX;

impl Default for Played {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(UNTOLD)))
    }
}

impl Played {
    pub(crate) fn tell(&self, position: Duration) {
        let position_us = u64::try_from(position.as_micros()).unwrap_or(UNTOLD);
        self.0.store(position_us, Ordering::Relaxed);
    }

    /// In microseconds, as they are sent.
    #[cfg(feature = "http")]
    pub(crate) fn tell_us(&self, position_us: u64) {
        self.0.store(position_us, Ordering::Relaxed);
    }

    #[cfg(feature = "http")]
    pub(crate) fn position_us(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// `None` before anybody has told.
    pub(crate) fn position(&self) -> Option<Duration> {
        let position_us = self.0.load(Ordering::Relaxed);
        (position_us != UNTOLD).then(|| Duration::from_micros(position_us))
    }
}
