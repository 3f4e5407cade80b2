//! Whether those who are connected may stay.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::mailbox::Mailbox;
use super::{CloseReason, Hub, Identity};

/// Knows whether those who have authenticated may stay: whether their session goes on, their key is not revoked, their account and
/// tenant are not suspended, and they still have the [permissions](Identity::permissions) that they had when they authenticated.
#[async_trait]
pub trait Liveness: Send + Sync + 'static {
    /// Judges each of them, in their order and at most [`WatchConfig::batch`] of them.
    ///
    /// # Errors
    /// Any. What cannot be found out ends a connection too, after [`WatchConfig::unverified_max`].
    async fn judge(
        &self,
        connected: &[Arc<Identity>],
    ) -> Result<Vec<Verdict>, Box<dyn std::error::Error + Send + Sync>>;
}

/// Whether somebody may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They may.
    Stays,
    /// They may not: their connections end.
    Ended,
    /// They have lost a permission that they had: their connections end, and they may connect again with what they have left.
    Lessened,
}

impl Verdict {
    fn ends_it(self) -> Option<CloseReason> {
        match self {
            Self::Stays => None,
            Self::Ended => Some(CloseReason::SessionEnded),
            Self::Lessened => Some(CloseReason::PermissionsChanged),
        }
    }
}

/// How those who are connected are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchConfig {
    /// How often everybody is judged. 1 s, so that a session that ends, or a permission that is taken, closes its connections within 2 s.
    pub every: Duration,
    /// How many are judged at once. 500.
    pub batch: usize,
    /// How long one judgement may take. 1 s.
    pub judge_timeout: Duration,
    /// How long connections stay when nobody can be judged; then all who have authenticated are closed. 10 s.
    pub unverified_max: Duration,
}

impl Default for WatchConfig {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(1),
            batch: 500,
            judge_timeout: Duration::from_secs(1),
            unverified_max: Duration::from_secs(10),
        }
    }
}

impl Hub {
    /// Ends the connections of those who may not stay, until it is told to stop. To be run once, as a worker.
    pub async fn watch_sessions(
        &self,
        liveness: &dyn Liveness,
        config: WatchConfig,
        stop: CancellationToken,
    ) {
        let mut ticks = interval(config.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Since when nobody could say whether they may stay.
        let mut unverified: HashMap<Arc<Identity>, Instant> = HashMap::new();
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let began = Instant::now();
            let Some(failed) = stop.run_until_cancelled(self.judge_all(liveness, config)).await else {
                return;
            };
            unverified.retain(|identity, _| failed.contains(identity));
            for identity in failed {
                unverified.entry(identity).or_insert(began);
            }
            let is_over = |identity: &Identity| {
                let since = unverified.get(identity);
                since.is_some_and(|since| since.elapsed() >= config.unverified_max)
            };
            if unverified.keys().any(|identity| is_over(identity)) {
                self.end(CloseReason::SessionUnverified, is_over);
            }
        }
    }

    /// Ends the connections of those who may not stay, and tells of whom it could not be found out.
    async fn judge_all(&self, liveness: &dyn Liveness, config: WatchConfig) -> HashSet<Arc<Identity>> {
        let mut connections: HashMap<Arc<Identity>, Vec<Arc<Mailbox>>> = HashMap::new();
        for (identity, mailbox) in self.inner().registry.authenticated() {
            connections.entry(identity).or_default().push(mailbox);
        }
        let mut identities: Vec<Arc<Identity>> = connections.keys().cloned().collect();
        // Those of a tenant together, so that a batch is about few tenants.
        identities.sort_by_key(|identity| identity.tenant);
        let mut failed = HashSet::new();
        for batch in identities.chunks(config.batch.max(1)) {
            match judged(liveness, batch, config).await {
                Ok(verdicts) => {
                    for (identity, verdict) in batch.iter().zip(verdicts) {
                        let Some(reason) = verdict.ends_it() else { continue };
                        for mailbox in connections.get(identity).into_iter().flatten() {
                            mailbox.close(reason);
                        }
                    }
                }
                Err(error) => {
                    tracing::error!(error = %error, "it cannot be found out whether sessions go on");
                    failed.extend(batch.iter().cloned());
                }
            }
        }
        failed
    }
}

async fn judged(
    liveness: &dyn Liveness,
    batch: &[Arc<Identity>],
    config: WatchConfig,
) -> Result<Vec<Verdict>, String> {
    let judged = timeout(config.judge_timeout, liveness.judge(batch)).await;
    let judged = judged.map_err(|_| "no answer in time".to_owned())?;
    let verdicts = judged.map_err(|error| crate::error_chain(error.as_ref()))?;
    match verdicts.len() == batch.len() {
        true => Ok(verdicts),
        false => Err(format!("{} verdicts on {} sessions", verdicts.len(), batch.len())),
    }
}
