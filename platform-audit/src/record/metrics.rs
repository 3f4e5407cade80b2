//! What operators see of a log and of its spool.

use std::fmt::{self, Debug};

use platform_core::metrics::Metrics;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::{AuditCounts, AuditLog, Spool, SpoolState};

type ReadCount = fn(&AuditCounts) -> u64;

const COUNTS: [(&str, &str, ReadCount); 9] = [
    ("audit_events_recorded", "Events that were inserted", |counts| {
        counts.recorded
    }),
    (
        "audit_events_repeated",
        "Events that were there already",
        |counts| counts.repeated,
    ),
    ("audit_events_uncounted", "Events that got no number", |counts| {
        counts.uncounted
    }),
    (
        "audit_events_spooled",
        "Refusals that went into the spool",
        |counts| counts.spooled,
    ),
    (
        "audit_events_lost",
        "Refusals that neither the database nor the spool took",
        |counts| counts.lost,
    ),
    (
        "audit_commits_unaudited",
        "Changes that were committed without an event of their own",
        |counts| counts.unaudited,
    ),
    (
        "audit_attestations",
        "Attestations that were recorded",
        |counts| counts.attested,
    ),
    (
        "audit_attestations_missing",
        "Attestations that were recorded and are gone",
        |counts| counts.attestations_missing,
    ),
    (
        "audit_attestations_unsequenced",
        "Attestations that wait too long for their place in the tree",
        |counts| counts.attestations_unsequenced,
    ),
];

type ReadState = fn(&SpoolState) -> u64;

const STATES: [(&str, &str, ReadState); 3] = [
    (
        "audit_spool_waiting",
        "Refusals that wait in the spool",
        |state| state.waiting,
    ),
    (
        "audit_spool_damaged",
        "Files of the spool that were set aside",
        |state| state.damaged,
    ),
    ("audit_spool_bytes", "Bytes of the files in the spool", |state| {
        state.bytes
    }),
];

impl AuditLog {
    /// Registers its counts, and what its spool holds: as the [worker](Self::worker) has last seen it, every five seconds, so that a scrape
    /// reads no disk. It has no value while the directory cannot be read. Reads it once itself, blocking the thread.
    ///
    /// [`Audit`](crate::Audit) does so for a service that composes the module.
    pub fn register(&self, metrics: &Metrics) {
        for (name, help, read) in COUNTS {
            let log = self.clone();
            metrics.register(name, help, Count { log, read });
        }
        let Some(spool) = &self.spool else {
            return;
        };
        spool.look();
        for (name, help, read) in STATES {
            let spool = spool.clone();
            metrics.register(name, help, Held { spool, read });
        }
    }
}

/// One of the log's counts, read when it is scraped.
struct Count {
    log: AuditLog,
    read: ReadCount,
}

/// One of the numbers of a spool, read when it is scraped.
struct Held {
    spool: Spool,
    read: ReadState,
}

impl EncodeMetric for Count {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_counter::<NoLabelSet, _, u64>(&(self.read)(&self.log.counts()), None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

impl EncodeMetric for Held {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        match self.spool.seen() {
            Some(state) => encoder.encode_gauge(&(self.read)(&state)),
            None => Ok(()),
        }
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

impl Debug for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Count").finish_non_exhaustive()
    }
}

impl Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}
