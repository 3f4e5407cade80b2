//! Keeps the embedded PostgreSQL running for as long as the server does.

use std::sync::Arc;
use std::time::Duration;

use platform_core::embedded::{Cluster, ClusterConfig, StartError, StopMode};
use platform_core::runtime::{Backoff, Worker};
use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval};

/// How often the keeper looks. Requests are answered 503 in between, so it is not worth more than a few file accesses a second.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Owns the cluster and starts it again when somebody or something killed it.
///
/// What was committed is there again after PostgreSQL's recovery; the pool finds the socket where it was.
#[derive(Debug, Clone)]
pub struct Keeper {
    config: ClusterConfig,
    /// `None` while the cluster is gone and could not be started yet.
    cluster: Arc<Mutex<Option<Cluster>>>,
}

impl Keeper {
    /// Takes over a cluster that runs, and what is needed to start it again.
    pub fn new(cluster: Cluster, config: ClusterConfig) -> Self {
        Self {
            config,
            cluster: Arc::new(Mutex::new(Some(cluster))),
        }
    }

    /// The worker that looks after the cluster. While it fails to start it the health of the service says so.
    pub fn worker(&self) -> Worker {
        let keeper = self.clone();
        let waits = Backoff {
            max: Duration::from_secs(5),
            ..Backoff::default()
        };
        let worker = Worker::new("database.keeper", move |stop| {
            let keeper = keeper.clone();
            async move {
                let mut looks = interval(LOOK_EVERY);
                looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                while stop.run_until_cancelled(looks.tick()).await.is_some() {
                    keeper.look().await?;
                }
                Ok(())
            }
        });
        worker.backoff(waits)
    }

    /// Stops the cluster. The worker must not run any more, or it would start it again.
    pub async fn stop(self) {
        let Some(cluster) = self.cluster.lock().await.take() else {
            tracing::warn!(
                "the embedded database was down when the server stopped; the next start recovers it"
            );
            return;
        };
        if let Err(error) = cluster.stop(StopMode::Fast).await {
            tracing::error!(error = %error, "the embedded database did not stop");
        }
    }

    async fn look(&self) -> Result<(), StartError> {
        let mut cluster = self.cluster.lock().await;
        if cluster.as_ref().is_some_and(Cluster::is_running) {
            return Ok(());
        }
        if let Some(gone) = cluster.take() {
            tracing::error!("the embedded PostgreSQL is gone; it is started again");
            // Nothing runs: this collects what is left of its process and gives the data folder up for the start below.
            let _ = gone.stop(StopMode::Immediate).await;
        }
        *cluster = Some(Cluster::start(self.config.clone()).await?);
        Ok(())
    }
}
