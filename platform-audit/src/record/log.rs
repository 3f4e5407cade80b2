//! The log: what it is made of and what can go wrong with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use platform_core::Sources;
use platform_core::pg::DbError;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::key::SealKey;
use crate::producer::Counting;
use crate::sequence::Signals;
use crate::{EventId, InvalidEvent, LogKey, Spool, SpoolError};

/// How many tenants a process keeps count of, unless it is told otherwise. One takes about 400 bytes.
pub const TRACKED_TENANTS_MAX: usize = 65_536;

/// Refusals that are recorded at the same time on tasks of their own; those of further callers end with their callers.
const REFUSALS_MAX: usize = 256;

/// The audit trail of every tenant; cheap to clone.
///
/// With a [key](Self::sealed_by) every event is sealed and numbered: what was not recorded by a program that has the key gets no place
/// in the tree, and what is deleted before it has one leaves a gap. Run one [`worker`](Self::worker) for each log that has a key or a
/// spool.
///
/// ```
/// use platform_audit::{AuditLog, LogKey};
/// use platform_core::Sources;
///
/// let sources = Sources::system();
/// let key = LogKey::generate("audit.example.com", &sources)?;
/// let audit = AuditLog::new(sources).sealed_by(&key);
/// assert_eq!(audit.counts().recorded, 0);
/// # Ok::<(), platform_audit::LogKeyError>(())
/// ```
#[derive(Debug, Clone)]
pub struct AuditLog {
    pub(crate) sources: Sources,
    pub(crate) sealing: Option<Sealing>,
    pub(crate) spool: Option<Spool>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) signals: Signals,
}

/// What seals and numbers events.
#[derive(Debug, Clone)]
pub(crate) struct Sealing {
    pub(crate) key: SealKey,
    pub(crate) counting: Arc<Counting>,
}

/// Refusals that are being recorded.
#[derive(Debug)]
pub(crate) struct Refusals {
    pub(crate) tasks: TaskTracker,
    pub(crate) free: Semaphore,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) recorded: AtomicU64,
    pub(crate) repeated: AtomicU64,
    pub(crate) uncounted: AtomicU64,
    pub(crate) spooled: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) unaudited: AtomicU64,
    pub(crate) attested: AtomicU64,
    pub(crate) attestations_missing: AtomicU64,
    pub(crate) attestations_unsequenced: AtomicU64,
}

/// What a log has done since the process began, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditCounts {
    /// Events that were inserted. Some of their transactions may have been rolled back since.
    pub recorded: u64,
    /// Events that were there already and not inserted again.
    pub repeated: u64,
    /// Events that got no number, because too many tenants wait to be attested: that one of them is deleted before it has its place in
    /// the tree would not be noticed.
    pub uncounted: u64,
    /// Refusals that went into the spool.
    pub spooled: u64,
    /// Refusals that neither the database nor the spool took. Whoever was refused was told that the service is unavailable.
    pub lost: u64,
    /// Changes that were committed without an event of their own.
    pub unaudited: u64,
    /// Attestations that were recorded.
    pub attested: u64,
    /// Attestations that were recorded and were gone when the worker looked for them: somebody deletes what shows that events are
    /// missing. Never anything but 0; raise an alarm.
    pub attestations_missing: u64,
    /// Attestations that were still without a place in the tree after ten rounds, and those for which nobody looks any more because too
    /// many are: the sequencer is behind or stopped, or somebody keeps them out.
    pub attestations_unsequenced: u64,
}

/// An event was not recorded. The change it describes must not happen either: drop or roll back the transaction.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The event breaks a bound; the code that made it is wrong.
    #[error("the audit event is not valid")]
    Invalid(#[from] InvalidEvent),
    /// The context and the transaction belong to different tenants; the code that mixed them is wrong.
    #[error("the audit event and the transaction belong to different tenants")]
    ForeignTransaction,
    /// Another event of this tenant is recorded under the id: the code that made it is wrong, or somebody has tried to pass one event
    /// off as another.
    #[error("another audit event is recorded under the id {id}: it differs in {}", columns.join(", "))]
    IdTaken {
        /// The id.
        id: EventId,
        /// Where the two differ.
        columns: Vec<&'static str>,
    },
    /// The database refused or could not be reached. Treat it like an error of the change itself.
    #[error("the audit event could not be stored")]
    Db(#[from] DbError),
    /// Neither the database nor the spool took it. Whoever must not go on unrecorded has to refuse.
    #[error("the audit event could be stored neither in the database ({db}) nor in the spool")]
    Spool {
        /// What the database said.
        db: DbError,
        /// What the spool said.
        #[source]
        spool: SpoolError,
    },
}

impl AuditLog {
    /// A log that takes times and ids from `sources`, without a key and without a spool.
    pub fn new(sources: Sources) -> Self {
        Self {
            sources,
            sealing: None,
            spool: None,
            counters: Arc::default(),
            refusals: Arc::new(Refusals {
                tasks: TaskTracker::new(),
                free: Semaphore::new(REFUSALS_MAX),
            }),
            signals: Signals::default(),
        }
    }

    /// The same log with events sealed and numbered. Give it the key before it is cloned: each call makes a producer of its own.
    #[must_use]
    pub fn sealed_by(self, key: &LogKey) -> Self {
        self.sealed_for(key, TRACKED_TENANTS_MAX)
    }

    /// As [`sealed_by`](Self::sealed_by), keeping count of at most this many tenants at a time.
    ///
    /// A tenant for which everything is attested is forgotten when there is no room for another. If there is none, the events of further
    /// tenants get no number.
    #[must_use]
    pub fn sealed_for(mut self, key: &LogKey, tenants_max: usize) -> Self {
        self.sealing = Some(Sealing {
            key: key.seal_key(),
            counting: Arc::new(Counting::new(self.sources.clone(), tenants_max)),
        });
        self
    }

    /// The same log with a spool, which takes refusals while the database cannot.
    #[must_use]
    pub fn spool(mut self, spool: Spool) -> Self {
        self.spool = Some(spool);
        self
    }

    /// Connects it with the sequencer of this process.
    pub(crate) const fn signals(&self) -> &Signals {
        &self.signals
    }

    /// What it has done since the process began.
    pub fn counts(&self) -> AuditCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        AuditCounts {
            recorded: read(&counters.recorded),
            repeated: read(&counters.repeated),
            uncounted: read(&counters.uncounted),
            spooled: read(&counters.spooled),
            lost: read(&counters.lost),
            unaudited: read(&counters.unaudited),
            attested: read(&counters.attested),
            attestations_missing: read(&counters.attestations_missing),
            attestations_unsequenced: read(&counters.attestations_unsequenced),
        }
    }
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}
