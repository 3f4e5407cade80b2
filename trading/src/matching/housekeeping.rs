//! The task that forgets old idempotency keys.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::service::{Trading, TradingError};

/// Forgets idempotency keys after their days, once an hour.
#[derive(Debug, Clone)]
pub struct HousekeepingWorker {
    trading: Trading,
}

impl HousekeepingWorker {
    /// A worker for the keys of this brokerage.
    pub fn new(trading: &Trading) -> Self {
        Self {
            trading: trading.clone(),
        }
    }

    /// Works until `stop` is cancelled. Cancel-safe: what was forgotten stays forgotten.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails; start it again.
    pub async fn run(self, stop: CancellationToken) -> Result<(), TradingError> {
        stop.run_until_cancelled(self.work()).await.unwrap_or(Ok(()))
    }

    async fn work(&self) -> Result<(), TradingError> {
        let mut rounds = interval(Duration::from_secs(3_600));
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            self.trading.forget_old_keys().await?;
        }
    }
}
