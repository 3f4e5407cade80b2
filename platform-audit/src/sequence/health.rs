//! How a sequencer is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use platform_core::{TenantId, Timestamp, error_chain};

use super::error::SequencerError;
use super::marks::MarksError;
use super::outlet::OutletError;
use super::shard::Shard;
use crate::Refusal;

/// The most tenants that are named.
const REFUSED_MAX: usize = 100;

/// How a sequencer is, as its last round left it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SequencerHealth {
    /// When the last round ended; `None` before the first.
    pub last_round: Option<Timestamp>,
    /// The shares of the tenants whose lease this process holds. None is well when another process holds them.
    pub shards: Vec<u8>,
    /// Tenants whose trees are not signed until an operator has looked, 100 at most.
    pub refused: Vec<(TenantId, Refusal)>,
    /// How many these are.
    pub refused_total: usize,
    /// How many tenants had a checkpoint and no mark when the leases were taken. None, where all processes share one directory of marks.
    pub unmarked: usize,
    /// How many tenants are left alone for a minute, because the database refuses their rounds.
    pub aside: usize,
    /// Why the last round failed.
    pub failure: Option<String>,
    /// Why nothing can be marked, and so nothing is signed.
    pub marks: Option<String>,
    /// Why nothing can be published.
    pub outlet: Option<String>,
    /// How much was waiting when that was last looked at.
    pub backlog: Option<Backlog>,
}

/// How much waits for the sequencer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Events of all tenants, counted up to 100,000.
    pub events: u32,
    /// How long the oldest of those that were counted has been waiting.
    pub lag: Duration,
}

impl SequencerHealth {
    /// What is wrong, as one line for a health check; `None` when nothing is.
    ///
    /// A tenant that was left alone, or files that cannot be written, degrade the service; events are recorded all the same.
    pub fn complaint(&self) -> Option<String> {
        let mut complaints = Vec::new();
        if self.refused_total > 0 {
            complaints.push(format!(
                "the trails of {} tenants are not signed",
                self.refused_total
            ));
        }
        if self.aside > 0 {
            complaints.push(format!(
                "the events of {} tenants cannot be sequenced",
                self.aside
            ));
        }
        let failures = [&self.failure, &self.marks, &self.outlet];
        complaints.extend(failures.into_iter().flatten().cloned());
        (!complaints.is_empty()).then(|| complaints.join("; "))
    }
}

/// The health, shared by all handles of a sequencer.
#[derive(Debug, Clone, Default)]
pub(super) struct HealthState(Arc<Mutex<SequencerHealth>>);

impl HealthState {
    pub(super) fn get(&self) -> SequencerHealth {
        self.lock().clone()
    }

    pub(super) fn round(&self, now: Timestamp, shards: &[Shard], failure: Option<&SequencerError>) {
        let mut health = self.lock();
        health.last_round = Some(now);
        health.failure = failure.map(|error| error_chain(error));
        health.shards = shards.iter().map(|shard| shard.number).collect();
        if failure.is_some() && shards.is_empty() {
            // The shares are taken anew, and until then nobody knows more.
            return;
        }
        health.refused_total = shards.iter().map(|shard| shard.refused.len()).sum();
        health.unmarked = shards.iter().map(|shard| shard.unmarked).sum();
        health.aside = shards.iter().map(|shard| shard.aside.len()).sum();
        let refused = shards.iter().flat_map(|shard| &shard.refused);
        health.refused = refused
            .take(REFUSED_MAX)
            .map(|(tenant, refusal)| (*tenant, *refusal))
            .collect();
    }

    pub(super) fn marks(&self, failure: Option<&MarksError>) {
        set(
            "marks",
            &mut self.lock().marks,
            failure.map(|error| error_chain(error)),
        );
    }

    pub(super) fn outlet(&self, failure: Option<&OutletError>) {
        set(
            "outlet",
            &mut self.lock().outlet,
            failure.map(|error| error_chain(error)),
        );
    }

    pub(super) fn backlog(&self, backlog: Backlog) {
        self.lock().backlog = Some(backlog);
    }

    fn lock(&self) -> MutexGuard<'_, SequencerHealth> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Logs a failure when it begins and when it ends, not in every round.
fn set(what: &str, before: &mut Option<String>, now: Option<String>) {
    match (&before, &now) {
        (None, Some(failure)) => tracing::error!(failure, "the sequencer's {what} have failed: {failure}"),
        (Some(_), None) => tracing::info!("the sequencer's {what} work again"),
        _ => {}
    }
    *before = now;
}
