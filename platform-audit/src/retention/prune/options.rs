//! What is pruned, and what came of it.

use std::time::Duration;

use platform_core::pg::DbError;

use crate::{ArchiveError, AuditError};

/// When the time of an event is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PruneAfter {
    /// After the longest time that its class keeps it.
    #[default]
    KeepMax,
    /// After the shortest: as early as the law allows.
    KeepMin,
}

/// How to prune.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PruneOptions {
    /// When the time of an event is over.
    pub after: PruneAfter,
    /// How many events one run announces at most; the next run goes on. 1,000,000 unless said otherwise.
    pub events_max: u64,
    /// How many events are deleted in one transaction: holds that are placed wait for it. 1,000 unless said otherwise.
    pub batch: u32,
    /// How long to wait until a signed checkpoint covers the announcements. What is not covered by then is deleted by the next run.
    /// Half a minute unless said otherwise.
    pub wait: Duration,
}

impl Default for PruneOptions {
    fn default() -> Self {
        Self {
            after: PruneAfter::KeepMax,
            events_max: 1_000_000,
            batch: 1_000,
            wait: Duration::from_secs(30),
        }
    }
}

/// What a run did, over all tenants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PruneSummary {
    /// Events that were deleted.
    pub deleted: u64,
    /// Events whose deletion was announced in this run.
    pub announced: u64,
    /// Events that had been announced and stay: a hold came between.
    pub kept: u64,
    /// Events whose time is over and that a hold keeps.
    pub held: u64,
    /// Events whose time is over and that no signed checkpoint covers yet.
    pub unsigned: u64,
    /// Events whose time is over and that no archive has yet.
    pub unarchived: u64,
    /// Events that are not what was sequenced. They stay, for whoever looks into it: verify the trail.
    pub doubtful: u64,
    /// Announcements that no signed checkpoint covers yet.
    pub waiting: u64,
    /// Partitions of months that were dropped.
    pub months_dropped: u64,
}

/// A run of the pruner ended early. What it had announced is deleted by the next one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PruneError {
    /// The database refused or could not be reached.
    #[error("events could not be pruned")]
    Db(#[from] DbError),
    /// A deletion could not be recorded, and so was not made.
    #[error("the deletion of events could not be recorded")]
    Audit(#[from] AuditError),
    /// The archive without which nothing is deleted cannot be read.
    #[error("the archive of events cannot be read")]
    Archive(#[from] ArchiveError),
}
