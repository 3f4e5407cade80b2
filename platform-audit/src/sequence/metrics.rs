//! What operators see of the sequencer.

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

use super::error::SequencerError;
use super::health::Backlog;
use super::rejection::Rejection;
use super::sequencer::Round;
use super::shard::Shard;

/// The label of a rejected event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RejectionLabels {
    reason: &'static str,
}

/// The metrics of a sequencer, for whoever exports them. Every label has few values.
#[derive(Clone)]
pub struct SequencerMetrics {
    /// Events that got a place in a tree.
    pub events_sequenced: Counter,
    /// Events that were kept out of the tree, by reason. Each is for somebody to look at.
    pub events_rejected: Family<RejectionLabels, Counter>,
    /// Checkpoints that were signed and stored.
    pub checkpoints_signed: Counter,
    /// Checkpoints that were published.
    pub checkpoints_published: Counter,
    /// Rounds that ended early.
    pub rounds_failed: Counter,
    /// How long a round took that had something to do.
    pub round_duration_seconds: Histogram,
    /// Shares of the tenants whose lease this process holds.
    pub shards_held: Gauge,
    /// Tenants whose trees are not signed until an operator has looked.
    pub tenants_refused: Gauge,
    /// Tenants that had a checkpoint and no mark when the leases were taken.
    pub tenants_unmarked: Gauge,
    /// Events that wait, counted up to 100,000 from time to time.
    pub events_waiting: Gauge,
    /// How long the oldest of them has been waiting.
    pub lag_milliseconds: Gauge,
}

impl Default for SequencerMetrics {
    fn default() -> Self {
        let metrics = Self {
            events_sequenced: Counter::default(),
            events_rejected: Family::default(),
            checkpoints_signed: Counter::default(),
            checkpoints_published: Counter::default(),
            rounds_failed: Counter::default(),
            // From a millisecond to 16 seconds.
            round_duration_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 15)),
            shards_held: Gauge::default(),
            tenants_refused: Gauge::default(),
            tenants_unmarked: Gauge::default(),
            events_waiting: Gauge::default(),
            lag_milliseconds: Gauge::default(),
        };
        // Named from the beginning, so that an alarm on their growth sees the first one.
        for reason in Rejection::ALL {
            metrics.of(reason);
        }
        metrics
    }
}

impl SequencerMetrics {
    /// How many events were kept out of the tree for this reason.
    pub fn rejected_for(&self, reason: Rejection) -> u64 {
        self.of(reason).get()
    }

    pub(super) fn rejected(&self, reason: Rejection) {
        self.of(reason).inc();
    }

    pub(super) fn round(&self, shards: &[Shard], done: &Result<Round, SequencerError>, took: Duration) {
        match done {
            Ok(round) => {
                self.events_sequenced.inc_by(number(round.sequenced));
                self.checkpoints_signed.inc_by(number(round.signed));
                self.checkpoints_published.inc_by(number(round.published));
                if round.sequenced + round.signed + round.published > 0 {
                    self.round_duration_seconds.observe(took.as_secs_f64());
                }
                let refused = shards.iter().map(|shard| shard.refused.len()).sum();
                self.tenants_refused.set(gauge(refused));
                let unmarked = shards.iter().map(|shard| shard.unmarked).sum();
                self.tenants_unmarked.set(gauge(unmarked));
            }
            Err(_) => {
                self.rounds_failed.inc();
            }
        }
        self.shards_held.set(gauge(shards.len()));
    }

    pub(super) fn backlog(&self, backlog: Backlog) {
        self.events_waiting.set(i64::from(backlog.events));
        self.lag_milliseconds
            .set(i64::try_from(backlog.lag.as_millis()).unwrap_or(i64::MAX));
    }

    /// Registers every metric under its name.
    #[cfg(feature = "http")]
    pub fn register(&self, metrics: &platform_core::metrics::Metrics) {
        let Self {
            events_sequenced,
            events_rejected,
            checkpoints_signed,
            checkpoints_published,
            rounds_failed,
            round_duration_seconds,
            shards_held,
            tenants_refused,
            tenants_unmarked,
            events_waiting,
            lag_milliseconds,
        } = self.clone();
        metrics.register(
            "audit_events_sequenced",
            "Events that got a place in a tree",
            events_sequenced,
        );
        metrics.register(
            "audit_events_rejected",
            "Events that were kept out of the tree",
            events_rejected,
        );
        metrics.register(
            "audit_checkpoints_signed",
            "Checkpoints that were signed and stored",
            checkpoints_signed,
        );
        metrics.register(
            "audit_checkpoints_published",
            "Checkpoints that were published",
            checkpoints_published,
        );
        metrics.register(
            "audit_sequencer_rounds_failed",
            "Rounds of the sequencer that ended early",
            rounds_failed,
        );
        metrics.register(
            "audit_sequencer_round_duration_seconds",
            "How long a round of the sequencer took that had something to do",
            round_duration_seconds,
        );
        metrics.register(
            "audit_sequencer_shards_held",
            "Shares of the tenants that this process sequences",
            shards_held,
        );
        metrics.register(
            "audit_tenants_refused",
            "Tenants whose trails are not signed until an operator has looked",
            tenants_refused,
        );
        metrics.register(
            "audit_tenants_unmarked",
            "Tenants that had a checkpoint and no mark when their lease was taken",
            tenants_unmarked,
        );
        metrics.register(
            "audit_events_waiting",
            "Events that wait to be sequenced, counted up to 100000",
            events_waiting,
        );
        metrics.register(
            "audit_sequencer_lag_milliseconds",
            "How long the oldest event has been waiting to be sequenced",
            lag_milliseconds,
        );
    }

    fn of(&self, reason: Rejection) -> Counter {
        let labels = RejectionLabels {
            reason: reason.as_str(),
        };
        self.events_rejected.get_or_create_owned(&labels)
    }
}

impl fmt::Debug for SequencerMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SequencerMetrics")
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
