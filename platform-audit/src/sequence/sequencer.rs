//! The sequencer and its rounds.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use platform_core::pg::Db;
use platform_core::uuid::Uuid;
use platform_core::{TenantId, error_chain};
use tokio::sync::Mutex;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::Instant;

use super::append::Appended;
use super::config::SequencerConfig;
use super::error::SequencerError;
use super::files::OneAtATime;
use super::health::HealthState;
use super::lease::{Claim, Lease};
use super::marks::{Mark, Marks};
use super::metrics::SequencerMetrics;
use super::outlet::Outlet;
use super::rejection::Rejection;
use super::shard::{ASIDE, Shard};
use super::signals::Signals;
use super::step::{Observer, RoundStep};
use crate::key::SealKey;
use crate::{AuditLog, EventId, LogKey, Refusal};

/// Gives committed events their places in the trees of their tenants, and signs and publishes the trees.
///
/// Any number of processes may run one over the same database: a lease says which of them works on which share of the tenants, and
/// every transaction proves first that it still holds it. A [round](Self::round) has three transactions, each over all tenants of a
/// share:
///
/// 1. Up to `batch_max` events are numbered, the entries, leaves and tiles stored, and the events taken
///    off the work list: they are [`Sequenced`](crate::EventState::Sequenced). The work list is the rows that are committed, so an
///    event that is committed late is sequenced late, and none is skipped.
/// 2. Each tree that has grown is compared with its mark outside the database; the marks are raised and flushed, the heads signed and
///    stored: the events are [`Integrated`](crate::EventState::Integrated).
/// 3. The checkpoints are written to the [`Outlet`], if there is one: the events are [`Published`](crate::EventState::Published).
///
/// A process may be killed between any two steps: the next round, of whichever process, goes on from there.
///
/// A tree that is not what was signed before is not appended to and not signed: see [`Refusal`]. An event that is not what a program
/// recorded gets no place, and does not hold up those behind it: see [`Rejection`]. Both are about one tenant; the others go on.
///
/// # Another key
///
/// A process that does not know a key takes the seals made with it for wrong, and keeps those events out for good. So a key is replaced
/// in stages: first every process is started with the new key as a further line of its [`LogKey`], below the one in use; when all of
/// them know it, they are started again one by one with the two lines swapped; the old one stays below for good, for the reasons that
/// [`LogKey`] gives.
///
/// ```no_run
/// use platform_audit::{AuditLog, LogKey, Marks, Outlet, Sequencer, SequencerConfig};
/// use platform_core::pg::Db;
/// use tokio_util::sync::CancellationToken;
///
/// async fn sequence(db: &Db, audit: &AuditLog, key: &LogKey, stop: CancellationToken) -> Result<(), Box<dyn std::error::Error>> {
///     let marks = Marks::open_for(db, "/var/lib/parcels/audit-marks", key).await?;
///     let sequencer = Sequencer::new(db, key, marks, SequencerConfig::default())
///         .publish_to(Outlet::directory("/srv/audit-checkpoints"))
///         .woken_by(audit);
///     sequencer.run(stop).await;
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Sequencer {
    pub(super) db: Db,
    pub(super) key: LogKey,
    pub(super) seals: SealKey,
    pub(super) marks: Marks,
    pub(super) config: SequencerConfig,
    pub(super) outlet: Option<Outlet>,
    pub(super) marks_turn: OneAtATime,
    pub(super) outlet_turn: OneAtATime,
    pub(super) signals: Signals,
    pub(super) observer: Observer,
    pub(super) metrics: SequencerMetrics,
    pub(super) health: HealthState,
    pub(super) holder: Uuid,
    /// How many events a round takes; fewer after one that took too long.
    pub(super) batch: Arc<AtomicUsize>,
    /// The shares whose lease is held. One round at a time works with them.
    pub(super) shards: Arc<Mutex<Vec<Shard>>>,
}

/// What a round has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// Shares of the tenants whose lease this process holds.
    pub shards: usize,
    /// Events that got a place.
    pub sequenced: usize,
    /// Events that were kept out of the tree.
    pub rejected: usize,
    /// Checkpoints that were signed and stored.
    pub signed: usize,
    /// Checkpoints that were published.
    pub published: usize,
    /// Whether there is more to do at once.
    pub more: bool,
}

impl Sequencer {
    /// A sequencer over the tenants of a database, which signs with `key` and compares with `marks`.
    pub fn new(db: &Db, key: &LogKey, marks: Marks, config: SequencerConfig) -> Self {
        let config = config.within_limits();
        Self {
            db: db.clone(),
            key: key.clone(),
            seals: key.seal_key(),
            marks,
            config,
            batch: Arc::new(AtomicUsize::new(config.batch_max())),
            outlet: None,
            marks_turn: OneAtATime::new(),
            outlet_turn: OneAtATime::new(),
            signals: Signals::default(),
            observer: Observer::nobody(),
            metrics: SequencerMetrics::default(),
            health: HealthState::default(),
            holder: db.sources().uuid_v7(),
            shards: Arc::default(),
        }
    }

    /// The same, publishing checkpoints. Those that were signed before are published too.
    #[must_use]
    pub fn publish_to(mut self, outlet: Outlet) -> Self {
        self.outlet = Some(outlet);
        self
    }

    /// The same, woken when enough events were recorded with this log, and waking whoever
    /// [waits](AuditLog::await_state) for one of them.
    #[must_use]
    pub fn woken_by(mut self, audit: &AuditLog) -> Self {
        self.signals = audit.signals().clone();
        self
    }

    /// The same, calling `observer` between the steps of a round, on the task that runs it. For tests that stop the process there.
    #[must_use]
    pub fn observed_by(mut self, observer: impl Fn(RoundStep) + Send + Sync + 'static) -> Self {
        self.observer = Observer::new(observer);
        self
    }

    /// What operators see of it.
    pub const fn metrics(&self) -> &SequencerMetrics {
        &self.metrics
    }

    /// Does one round over the shares whose lease this process holds, and takes the lease of one more if one is free.
    ///
    /// What went wrong outside the database, and with single tenants, is in [`health`](Self::health). Not cancel-safe in one respect:
    /// a round that is dropped half-way leaves nothing half-written, and its trees are read anew by the next one.
    ///
    /// # Errors
    /// [`SequencerError`]: what was committed stays. Try again after a pause.
    pub async fn round(&self) -> Result<Round, SequencerError> {
        let mut shards = self.shards.lock().await;
        let started = Instant::now();
        self.signals.begin_round(self.config.wake_at);
        let done = Box::pin(self.round_of_all(&mut shards)).await;
        if done.as_ref().is_err_and(|error| !error.is_passing()) {
            // Whatever the database is when it comes back, it is looked at from the beginning.
            shards.clear();
        }
        self.report(&shards, &done, started.elapsed());
        done
    }

    async fn round_of_all(&self, shards: &mut Vec<Shard>) -> Result<Round, SequencerError> {
        self.recover_outlet().await?;
        self.take_a_lease(shards).await?;
        let mut round = Round::default();
        let mut lost = Vec::new();
        for shard in shards.iter_mut() {
            if !self.round_of(shard, &mut round).await? {
                lost.push(shard.number);
            }
        }
        shards.retain(|shard| !lost.contains(&shard.number));
        // It may be free again.
        round.more |= !lost.is_empty();
        round.shards = shards.len();
        Ok(round)
    }

    /// One round of a share; whether its lease is still held.
    async fn round_of(&self, shard: &mut Shard, round: &mut Round) -> Result<bool, SequencerError> {
        shard.left_off = false;
        round.more |= self.sweep(shard).await?;
        let Some(Appended {
            sequenced,
            rejected,
            more,
        }) = self.append(shard).await?
        else {
            return Ok(false);
        };
        round.sequenced += sequenced;
        round.rejected += rejected;
        round.more |= more || shard.left_off;
        if sequenced > 0 {
            self.signals.moved();
        }
        let Some(signed) = self.sign(shard).await? else {
            return Ok(false);
        };
        round.signed += signed.checkpoints.len();
        round.more |= signed.more;
        if !signed.checkpoints.is_empty() {
            self.signals.moved();
        }
        let Some(published) = self.publish(shard, &signed.checkpoints).await? else {
            return Ok(false);
        };
        round.published += published;
        if published > 0 {
            self.signals.moved();
        }
        self.keep(shard).await
    }

    /// Renews a lease that nothing has renewed for a while.
    async fn keep(&self, shard: &mut Shard) -> Result<bool, SequencerError> {
        let now = Instant::now();
        if now < shard.renew_at {
            return Ok(true);
        }
        shard.renew_at = now + self.config.lease / 2;
        Ok(shard.lease.renew(&self.db).await?)
    }

    /// Takes one lease at most, so that processes that start together share the work.
    async fn take_a_lease(&self, shards: &mut Vec<Shard>) -> Result<(), SequencerError> {
        let count = self.config.shards.get();
        if shards.len() == usize::from(count) {
            return Ok(());
        }
        let free = Lease::free(&self.db, count, self.holder).await?;
        // Not all begin with the same one.
        let [.., first] = *self.holder.as_bytes();
        for number in (0..count).map(|number| (number + first % count) % count) {
            let is_held = shards.iter().any(|shard| shard.number == number);
            if is_held || !free.contains(&number) {
                continue;
            }
            let claim = Claim {
                shard: number,
                holder: self.holder,
                lasts: self.config.lease,
            };
            if let Some(lease) = Lease::take(&self.db, claim).await? {
                tracing::info!(shard = number, "sequencing the tenants of share {number}");
                shards.push(Shard::new(claim, lease, &self.config));
                return Ok(());
            }
        }
        Ok(())
    }

    /// Leaves trees alone from now on, here and in the marks; for a while and here alone when the reason may pass by itself.
    pub(super) async fn refuse(
        &self,
        shard: &mut Shard,
        refused: &[(TenantId, Refusal)],
    ) -> Result<(), SequencerError> {
        let mut new = Vec::new();
        for (tenant, refusal) in refused {
            shard.forget(*tenant);
            if refusal.is_lasting() {
                shard.unsigned.remove(tenant);
            } else {
                shard.aside.insert(*tenant, Instant::now() + ASIDE);
            }
            if shard.refused.insert(*tenant, *refusal).is_none() {
                new.push((*tenant, *refusal));
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        let lasting: Vec<_> = new
            .iter()
            .filter(|(_, refusal)| refusal.is_lasting())
            .copied()
            .collect();
        let tenants: Vec<_> = new.iter().map(|(tenant, _)| *tenant).collect();
        let marks = self.with_marks(move |marks| {
            let before = marks.of(&tenants);
            marks.refuse(&lasting)?;
            Ok(before)
        });
        let marks = marks.await?.unwrap_or_default();
        for (tenant, refusal) in new {
            let Mark { head, .. } = marks.get(&tenant).copied().unwrap_or_default();
            tracing::error!(
                tenant.id = %tenant, refusal = refusal.code(), mark.size = head.size, mark.root = %head.root,
                "the trail of tenant {tenant} is not signed until an operator has looked: {refusal}"
            );
        }
        Ok(())
    }

    pub(super) fn tell_rejected(&self, rejected: &[(TenantId, EventId, Rejection)]) {
        for (tenant, event, reason) in rejected {
            tracing::error!(
                tenant.id = %tenant, event.id = %event, reason = reason.as_str(),
                "event {event} of tenant {tenant} was kept out of the tree: {reason}"
            );
            self.metrics.rejected(*reason);
        }
    }

    fn report(&self, shards: &[Shard], done: &Result<Round, SequencerError>, took: Duration) {
        self.health
            .round(self.db.sources().now(), shards, done.as_ref().err());
        self.metrics.round(shards, done, took);
        if let Err(error) = done {
            tracing::warn!(error = %error_chain(error), "a round of the sequencer failed");
        }
    }
}

/// Computes on a thread where nothing waits for it.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    spawn_blocking(work).await
}
