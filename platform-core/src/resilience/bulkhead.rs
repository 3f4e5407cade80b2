//! So many calls at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::BulkheadConfig;

/// So many calls at once; a bounded number waits, for a bounded time.
#[derive(Debug, Clone)]
pub(super) struct Bulkhead {
    under_way: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    config: BulkheadConfig,
}

/// There is no room, or was none in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoRoom {
    Full,
    DeadlineExceeded,
}

impl Bulkhead {
    pub(super) fn new(config: BulkheadConfig) -> Self {
        let permits = |count: u32| {
            Arc::new(Semaphore::new(
                usize::try_from(count).unwrap_or(Semaphore::MAX_PERMITS),
            ))
        };
        Self {
            under_way: permits(config.concurrent_max),
            waiting: permits(config.waiting_max),
            config,
        }
    }

    /// Room for one call, until what is returned is dropped.
    pub(super) async fn enter(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, NoRoom> {
        if let Ok(room) = Arc::clone(&self.under_way).try_acquire_owned() {
            return Ok(room);
        }
        let Ok(_waits) = self.waiting.try_acquire() else {
            return Err(NoRoom::Full);
        };
        let patience = Instant::now() + self.config.wait_max;
        match timeout_at(
            deadline.min(patience),
            Arc::clone(&self.under_way).acquire_owned(),
        )
        .await
        {
            Ok(Ok(room)) => Ok(room),
            Ok(Err(_)) => Err(NoRoom::Full),
            Err(_) if deadline <= patience => Err(NoRoom::DeadlineExceeded),
            Err(_) => Err(NoRoom::Full),
        }
    }
}
