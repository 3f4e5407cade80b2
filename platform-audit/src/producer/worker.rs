//! The background task of a log.

use std::time::Duration;

use platform_core::pg::{Db, DbError};
use platform_core::{RequestContext, TenantId, error_chain};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::tenant_count::Claim;
use crate::catalogue::attestation;
use crate::record::{Counters, Draft};
use crate::spool::Patience;
use crate::{AuditError, AuditLog, EventId, SpoolError};

/// How often it attests, unless it is told otherwise.
const EVERY: Duration = Duration::from_secs(60);

/// How often it looks whether there is something in the spool.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long it takes its leave.
const FAREWELL: Duration = Duration::from_secs(5);

/// The background task of a log: brings what is in its spool into the trail, and records for each tenant which of the events that it has
/// numbered are there. Made by [`AuditLog::worker`].
///
/// Every process runs one for each log that has a key or a spool. A process that is killed leaves the last of its numbers unattested.
#[derive(Debug, Clone)]
pub struct AuditWorker {
    pub(super) log: AuditLog,
    pub(super) db: Db,
    every: Duration,
}

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditRound {
    /// Events that came from the spool into the trail, or were there already.
    pub drained: usize,
    /// Files of the spool that cannot be read, or hold what can never be recorded. They were set aside.
    pub set_aside: usize,
    /// Files that stay in the spool, because the database refused or could not be reached.
    pub kept: usize,
    /// Tenants for which an attestation was recorded.
    pub attested: usize,
    /// Tenants for which it could not be. The next round tries again.
    pub failed: usize,
    /// Attestations of earlier rounds that are gone and have no place in the tree: somebody deletes them.
    pub missing: usize,
    /// Attestations that were still without a place in the tree after ten rounds, each told once, and those for which nobody looks any
    /// more because too many are.
    pub unsequenced: usize,
}

impl AuditLog {
    /// The background task of this log.
    pub fn worker(&self, db: &Db) -> AuditWorker {
        AuditWorker {
            log: self.clone(),
            db: db.clone(),
            every: EVERY,
        }
    }
}

impl AuditWorker {
    /// The same task, attesting at this interval, a second at least.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = interval.max(Duration::from_secs(1));
        self
    }

    /// Works until it is told to stop, and takes its [leave](Self::farewell).
    pub async fn run(&self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(LOOK_EVERY.min(self.every));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut attest_at = Instant::now() + self.every;
        let mut patience = Patience::default();
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            let mut round = AuditRound::default();
            let working = async {
                self.drain(&mut patience, &mut round).await;
                if Instant::now() >= attest_at {
                    self.read_back(&mut round).await;
                    self.attest(&mut round).await;
                    attest_at = Instant::now() + self.every;
                }
            };
            // Dropped where it stands: what was begun is repeated by whoever comes next.
            stop.run_until_cancelled(working).await;
            if round.drained > 0 || round.set_aside > 0 || round.failed > 0 {
                tracing::info!(?round, "looked after the audit trail");
            }
        }
        let _round = self.farewell().await;
    }

    /// Empties the spool as far as it can, and attests once. Tries the events of every tenant, whatever became of them before.
    ///
    /// # Errors
    /// [`SpoolError`] when the spool cannot be read; it attests all the same. What the database refuses is in the answer.
    pub async fn round(&self) -> Result<AuditRound, SpoolError> {
        let mut round = AuditRound::default();
        let drained = self.drain_spool(&mut Patience::default(), &mut round).await;
        self.read_back(&mut round).await;
        self.attest(&mut round).await;
        drained.map(|()| round)
    }

    /// The last round of a process: waits for refusals that are being recorded, and attests what it has recorded. Takes five seconds at
    /// most.
    pub async fn farewell(&self) -> AuditRound {
        let mut round = AuditRound::default();
        let leaving = async {
            self.log.settle_refusals().await;
            self.drain(&mut Patience::default(), &mut round).await;
            // What is not attested now never is; what is gone was gone before.
            self.attest(&mut round).await;
            self.read_back(&mut round).await;
        };
        if tokio::time::timeout(FAREWELL, leaving).await.is_err() {
            tracing::warn!("the end of the process left events that are not attested");
        }
        round
    }

    async fn drain(&self, patience: &mut Patience, round: &mut AuditRound) {
        if let Err(error) = self.drain_spool(patience, round).await {
            tracing::error!(error = %error_chain(&error), "the spool of the audit trail cannot be read");
        }
    }

    async fn drain_spool(&self, patience: &mut Patience, round: &mut AuditRound) -> Result<(), SpoolError> {
        match &self.log.spool {
            Some(spool) => spool.drain(&self.log, &self.db, patience, round).await,
            None => Ok(()),
        }
    }

    async fn attest(&self, round: &mut AuditRound) {
        let Some(sealing) = &self.log.sealing else {
            return;
        };
        for (tenant, claim) in sealing.counting.claims() {
            match self.attest_one(tenant, &claim).await {
                Ok(attestation) => {
                    self.watch(tenant, attestation, round);
                    sealing.counting.attested(tenant, &claim);
                    Counters::add(&self.log.counters.attested, 1);
                    round.attested += 1;
                }
                Err(error) => {
                    round.failed += 1;
                    let gone = matches!(&error, AuditError::Db(DbError::Unavailable(_)));
                    tracing::warn!(
                        tenant.id = %tenant,
                        error = %error_chain(&error),
                        "what was recorded for a tenant could not be attested"
                    );
                    if gone {
                        return;
                    }
                }
            }
        }
    }

    async fn attest_one(&self, tenant: TenantId, claim: &Claim) -> Result<EventId, AuditError> {
        let ctx = RequestContext::system(tenant, "attest audit events", &self.log.sources);
        let draft = Draft::new(&self.log.sources, &ctx, attestation(claim.detail()))?;
        let mut tx = self.db.begin(&ctx).await?;
        let attestation = draft.id();
        self.log.insert_attestation(&mut tx, draft).await?;
        tx.commit().await?;
        Ok(attestation)
    }
}
