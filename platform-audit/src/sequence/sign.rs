//! Signing what was sequenced: the second transaction of a round.

use platform_core::pg::{DbError, RoleTx};
use platform_core::{TenantId, error_chain};

use super::error::SequencerError;
use super::marks::{Verdict, Wanted};
use super::outlet::Publication;
use super::sequencer::{Sequencer, off_thread};
use super::shard::Shard;
use super::step::RoundStep;
use super::stored::{self, StoredCheckpoint, signed};
use crate::{Checkpoint, CheckpointError, LogKey, Refusal, SEQUENCER, TreeHead};

/// How many trees one transaction signs.
const TENANTS_MAX: usize = 2_048;

/// What the second transaction of a round has come to.
#[derive(Debug, Default)]
pub(super) struct Signed {
    /// The checkpoints that are stored now.
    pub(super) checkpoints: Vec<Publication>,
    /// Whether trees are left that could have been signed.
    pub(super) more: bool,
}

impl Sequencer {
    /// Marks, signs and stores the heads of trees that have grown; `None` when the lease is lost.
    ///
    /// Each step is safe to be the last one: a head that is marked and not signed is signed by the next round, because the tree is
    /// still what the mark says; one that is signed and not stored is signed again, to the same text.
    pub(super) async fn sign(&self, shard: &mut Shard) -> Result<Option<Signed>, SequencerError> {
        let known = |tenant: &&TenantId| shard.trees.peek(**tenant).is_some();
        let tenants: Vec<TenantId> = shard
            .unsigned
            .iter()
            .filter(known)
            .take(TENANTS_MAX)
            .copied()
            .collect();
        if tenants.is_empty() {
            return Ok(Some(Signed::default()));
        }
        let mut tx = self.db.begin_as(&SEQUENCER).await?;
        if !shard.lease.fence(&mut tx).await? {
            tx.rollback().await?;
            return Ok(None);
        }
        let wanted = self.still_standing(&mut tx, shard, &tenants).await?;
        let Some(verdicts) = self.mark(&wanted).await? else {
            tx.rollback().await?;
            return Ok(Some(Signed::default()));
        };
        let mut to_sign = Vec::with_capacity(wanted.len());
        let mut refused: Vec<(TenantId, Refusal)> = Vec::new();
        for (wanted, verdict) in wanted.iter().zip(verdicts) {
            match verdict {
                Verdict::Marked => to_sign.push((wanted.tenant, wanted.head)),
                Verdict::Stale => shard.forget(wanted.tenant),
                Verdict::Refused(refusal) => refused.push((wanted.tenant, refusal)),
            }
        }
        self.observer.at(RoundStep::Marked);
        let key = self.key.clone();
        let checkpoints = off_thread(move || sign_all(&key, &to_sign)).await?;
        store(&mut tx, &checkpoints).await?;
        self.observer.at(RoundStep::Signed);
        tx.commit().await?;
        self.observer.at(RoundStep::Stored);
        for checkpoint in &checkpoints {
            shard.unsigned.remove(&checkpoint.tenant);
            if let Some(tree) = shard.trees.peek_mut(checkpoint.tenant) {
                tree.signed = checkpoint.head;
                tree.marked = checkpoint.head;
            }
        }
        self.refuse(shard, &refused).await?;
        self.note_stored(&checkpoints).await?;
        let more = tenants.len() == TENANTS_MAX;
        Ok(Some(Signed { checkpoints, more }))
    }

    /// The trees that are in the database what they are in memory. The others are looked at anew in the next round.
    async fn still_standing(
        &self,
        tx: &mut RoleTx,
        shard: &mut Shard,
        tenants: &[TenantId],
    ) -> Result<Vec<Wanted>, SequencerError> {
        let rows = stored::lock_heads(tx, tenants).await?;
        let stored = stored::newest_checkpoints(tx, tenants).await?;
        let mut wanted = Vec::with_capacity(tenants.len());
        for tenant in tenants {
            let head = rows.get(tenant).copied().unwrap_or_else(TreeHead::empty);
            let newest = stored.get(tenant).map_or(TreeHead::empty(), |one| one.head);
            match shard.trees.standing_at(*tenant, &head) {
                Some(tree) if tree.signed == newest && newest.size < head.size => wanted.push(Wanted {
                    tenant: *tenant,
                    head,
                    verified: tree.marked,
                }),
                Some(tree) if tree.signed == newest => {
                    shard.unsigned.remove(tenant);
                }
                _ => shard.forget(*tenant),
            }
        }
        Ok(wanted)
    }

    /// Raises the marks; `None` when that cannot be done, so that nothing may be signed.
    async fn mark(&self, wanted: &[Wanted]) -> Result<Option<Vec<Verdict>>, SequencerError> {
        let wanted = wanted.to_vec();
        self.with_marks(move |marks| marks.advance(&wanted)).await
    }

    /// Notes which checkpoints are stored. Without it a checkpoint that is deleted is missed later, and nothing else.
    async fn note_stored(&self, checkpoints: &[Publication]) -> Result<(), SequencerError> {
        let stored: Vec<_> = checkpoints
            .iter()
            .map(|one| (one.tenant, one.head.size))
            .collect();
        if !stored.is_empty() {
            self.with_marks(move |marks| marks.note_stored(&stored)).await?;
        }
        Ok(())
    }
}

/// Signs heads, some 100 µs each.
fn sign_all(key: &LogKey, heads: &[(TenantId, TreeHead)]) -> Vec<Publication> {
    let signed = heads.iter().filter_map(|(tenant, head)| {
        let note = sign_one(key, *tenant, *head).inspect_err(|error| {
            tracing::error!(
                tenant.id = %tenant, error = %error_chain(error), "a checkpoint of tenant {tenant} cannot be signed"
            );
        });
        Some(Publication {
            tenant: *tenant,
            head: *head,
            note: note.ok()?,
        })
    });
    signed.collect()
}

fn sign_one(key: &LogKey, tenant: TenantId, head: TreeHead) -> Result<String, CheckpointError> {
    let signer = key.signer(tenant);
    let note = Checkpoint::new(signer.name().clone(), head).sign(&signer)?;
    Ok(note.to_string())
}

async fn store(tx: &mut RoleTx, checkpoints: &[Publication]) -> Result<(), DbError> {
    if checkpoints.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into platform_audit.checkpoint (tenant_id, size, root, note)
         select * from unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::text[])",
    )
    .bind(checkpoints.iter().map(|one| one.tenant).collect::<Vec<_>>())
    .bind(
        checkpoints
            .iter()
            .map(|one| signed(one.head.size))
            .collect::<Vec<_>>(),
    )
    .bind(
        checkpoints
            .iter()
            .map(|one| *one.head.root.as_bytes())
            .collect::<Vec<_>>(),
    )
    .bind(
        checkpoints
            .iter()
            .map(|one| one.note.as_str())
            .collect::<Vec<_>>(),
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}

impl From<(TenantId, StoredCheckpoint)> for Publication {
    fn from((tenant, checkpoint): (TenantId, StoredCheckpoint)) -> Self {
        Self {
            tenant,
            head: checkpoint.head,
            note: checkpoint.note,
        }
    }
}
