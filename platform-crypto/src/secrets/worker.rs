//! The background task that keeps secrets fresh.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Secrets;

/// The background task of [`Secrets`]: fetches every held secret again when it is no longer fresh.
///
/// ```
/// use platform_core::runtime::Worker;
/// use platform_crypto::Secrets;
///
/// fn worker(secrets: &Secrets) -> Worker {
///     let refresher = secrets.worker();
///     Worker::new("secrets.refresh", move |stop| {
///         let refresher = refresher.clone();
///         async move {
///             refresher.run(stop).await;
///             Ok(())
///         }
///     })
/// }
/// ```
#[derive(Debug, Clone)]
pub struct SecretsWorker {
    secrets: Secrets,
}

/// However short secrets are fresh, the worker looks no more often.
const PERIOD_MIN: Duration = Duration::from_millis(100);

impl SecretsWorker {
    pub(super) fn new(secrets: Secrets) -> Self {
        Self { secrets }
    }

    /// Works until it is told to stop.
    pub async fn run(&self, stop: CancellationToken) {
        let inner = &self.secrets.inner;
        let mut tick = tokio::time::interval((inner.config.fresh_for / 2).max(PERIOD_MIN));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let working = async {
            loop {
                tokio::select! {
                    _ = tick.tick() => {}
                    () = inner.due.notified() => {}
                }
                self.secrets.refresh().await;
            }
        };
        stop.run_until_cancelled(working).await;
    }
}
