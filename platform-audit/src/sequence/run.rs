//! The sequencer as a background task.

use std::time::Duration;

use platform_core::error_chain;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::sequencer::{Round, Sequencer};

/// The first and the longest pause after a failed round.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// The longest pause of a process that holds no lease.
const IDLE_MAX: Duration = Duration::from_secs(2);

/// How often the backlog is looked at.
const OBSERVE_EVERY: Duration = Duration::from_secs(10);

/// How often months are made, and how soon again after that failed.
const MONTHS_EVERY: Duration = Duration::from_secs(24 * 3600);
const MONTHS_AGAIN: Duration = Duration::from_secs(3600);

/// What is due besides the rounds.
struct Due {
    observe: Instant,
    months: Instant,
}

impl Sequencer {
    /// Does rounds until `stop` is cancelled: one each [`interval`](super::config::SequencerConfig::interval), or as soon as
    /// [`wake_at`](super::config::SequencerConfig::wake_at) events were recorded in this process, or at once when there is more to do.
    ///
    /// Ends after the round that runs, and gives its leases back. When a round fails it waits, up to 10 s, and goes on; it never gives
    /// up. Also makes the partitions of the coming months, daily. Run it once in a process.
    pub async fn run(&self, stop: CancellationToken) {
        let mut failures = 0;
        let mut due = Due {
            observe: Instant::now(),
            months: Instant::now(),
        };
        while !stop.is_cancelled() {
            let started = Instant::now();
            let pause = match self.round().await {
                Ok(round) => {
                    failures = 0;
                    self.besides(&round, &mut due).await;
                    self.pause_after(&round).saturating_sub(started.elapsed())
                }
                Err(_) => {
                    failures += 1;
                    self.pause_after_failure(failures)
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(pause) => {}
                () = self.signals.enough(), if failures == 0 => {}
            }
        }
        self.give_back().await;
    }

    fn pause_after(&self, round: &Round) -> Duration {
        if round.more {
            Duration::ZERO
        } else if round.shards == 0 {
            (self.config.lease / 4).clamp(self.config.interval, IDLE_MAX.max(self.config.interval))
        } else {
            self.config.interval
        }
    }

    /// Doubles with each failure, and is shortened by up to a half so that processes do not come back together.
    fn pause_after_failure(&self, failures: u32) -> Duration {
        let (first, longest) = PAUSES;
        let pause = first
            .saturating_mul(1 << failures.saturating_sub(1).min(16))
            .min(longest);
        let [random] = self.db.sources().bytes();
        pause / 2 + pause / 2 * u32::from(random) / 256
    }

    /// Work of another rhythm, of the process that holds the first share.
    async fn besides(&self, round: &Round, due: &mut Due) {
        let now = Instant::now();
        if round.shards == 0 {
            return;
        }
        if now >= due.observe {
            due.observe = now + OBSERVE_EVERY;
            if let Err(error) = self.observe().await {
                tracing::warn!(error = %error_chain(&error), "the backlog of the sequencer cannot be looked at");
            }
        }
        if now >= due.months && self.health().shards.contains(&0) {
            due.months = now + MONTHS_EVERY;
            if let Err(error) = self.keep_months_ahead().await {
                due.months = now + MONTHS_AGAIN;
                tracing::warn!(
                    error = %error_chain(&error),
                    "the partitions of the coming months cannot be made, it is tried again in an hour"
                );
            }
        }
    }

    /// Lets other processes have the leases at once.
    pub(super) async fn give_back(&self) {
        let mut shards = self.shards.lock().await;
        for shard in shards.drain(..) {
            if let Err(error) = shard.lease.give_back(&self.db).await {
                tracing::warn!(
                    shard = shard.number, error = %error_chain(&error),
                    "the lease of share {} is not given back, it runs out by itself", shard.number
                );
            }
        }
    }
}
