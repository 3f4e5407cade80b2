//! Looking whether attestations come into the tree.

use platform_core::pg::DbError;
use platform_core::{RequestContext, TenantId, error_chain};

use super::{AuditRound, AuditWorker};
use crate::EventId;
use crate::record::Counters;

/// What is there of an attestation.
#[derive(sqlx::FromRow)]
struct Found {
    id: EventId,
    has_row: bool,
    is_sequenced: bool,
}

impl AuditWorker {
    /// Looks for attestations until they are in the tree. The database has said that they were inserted; whoever deletes them before
    /// they have their places, in the same transaction or later, deletes all that would show that other events are gone.
    pub(super) async fn read_back(&self, round: &mut AuditRound) {
        let Some(sealing) = &self.log.sealing else {
            return;
        };
        let waiting = sealing.counting.watched().next();
        for (tenant, attestations) in waiting {
            match self.look_for(tenant, &attestations).await {
                Ok(found) => {
                    for one in found {
                        self.was_found(tenant, &one, round);
                    }
                }
                Err(error) => {
                    for id in attestations {
                        // Looked for again by the next round, after those of others.
                        let _is_late = sealing.counting.watched().looked(tenant, id);
                    }
                    tracing::warn!(
                        tenant.id = %tenant, error = %error_chain(&error),
                        "the last attestations of a tenant could not be read back"
                    );
                    if matches!(error, DbError::Unavailable(_) | DbError::Timeout(_)) {
                        return;
                    }
                }
            }
        }
    }

    fn was_found(&self, tenant: TenantId, found: &Found, round: &mut AuditRound) {
        let Some(sealing) = &self.log.sealing else {
            return;
        };
        let mut watched = sealing.counting.watched();
        let id = found.id;
        if found.is_sequenced {
            watched.end(tenant, id);
        } else if found.has_row {
            if watched.looked(tenant, id) {
                self.unsequenced(round);
                tracing::warn!(
                    tenant.id = %tenant, event.id = %id,
                    "an attestation is not sequenced: the sequencer is behind or stopped, or somebody keeps it out of the tree"
                );
            }
        } else if watched.end(tenant, id) {
            round.missing += 1;
            Counters::add(&self.log.counters.attestations_missing, 1);
            tracing::error!(
                tenant.id = %tenant, event.id = %id,
                "an attestation that was recorded is gone: somebody deletes what shows that events are missing"
            );
        }
    }

    /// Watches an attestation that was recorded.
    pub(super) fn watch(&self, tenant: TenantId, attestation: EventId, round: &mut AuditRound) {
        let Some(sealing) = &self.log.sealing else {
            return;
        };
        if let Some(id) = sealing.counting.watched().add(tenant, attestation) {
            self.unsequenced(round);
            tracing::warn!(
                tenant.id = %tenant, event.id = %id,
                "nobody looks any more whether an attestation is sequenced: too many are not"
            );
        }
    }

    fn unsequenced(&self, round: &mut AuditRound) {
        round.unsequenced += 1;
        Counters::add(&self.log.counters.attestations_unsequenced, 1);
    }

    async fn look_for(&self, tenant: TenantId, attestations: &[EventId]) -> Result<Vec<Found>, DbError> {
        let ctx = RequestContext::system(tenant, "look for attestations", &self.log.sources);
        let mut read = self.db.read(&ctx).await?;
        // In one statement: between two it may be sequenced and pruned.
        let found = sqlx::query_as(
            "select w.id,
               exists (select from platform_audit.event e where e.tenant_id = $1 and e.id = w.id) as has_row,
               exists (select from platform_audit.leaf l where l.tenant_id = $1 and l.id = w.id) as is_sequenced
             from unnest($2::uuid[]) as w (id)",
        )
        .bind(tenant)
        .bind(attestations)
        .persistent(false)
        .fetch_all(&mut read)
        .await?;
        read.finish().await?;
        Ok(found)
    }
}
