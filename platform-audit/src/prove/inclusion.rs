//! That an event is in the log.

use std::collections::BTreeSet;

use platform_core::pg::{DbError, TenantRead};

use super::checkpoint::StoredCheckpoint;
use super::known::Known;
use super::tiles::read_tiles;
use crate::{
    AuditLog, EventId, EventState, HashSource, InclusionProof, LeafHash, NoSuchProof, ProofBundle, ProofPlan,
    ProveError, SignedNote, TileId, TreeHead, verify_inclusion,
};

impl AuditLog {
    /// The proof that an event is in the log of the tenant, under its newest signed checkpoint; `None` when the tenant has no such
    /// event. It outlives the event: whoever has kept the canonical bytes can still prove them after the event was deleted.
    ///
    /// The caller decides who may have it. The tree is read and the proof checked against the stored checkpoint before it is given
    /// out; nothing is signed for it.
    ///
    /// # Errors
    /// [`ProveError::Pending`] until a signed checkpoint covers the event: it is not proven, whatever the tables say.
    /// [`ProveError::Damaged`] when the stored tree was altered.
    pub async fn proof(&self, read: &mut TenantRead, id: EventId) -> Result<Option<ProofBundle>, ProveError> {
        // First: what is covered then is covered by this one too.
        let checkpoint = self.checkpoint(read).await?;
        let Some((index, leaf)) = place(read, id).await? else {
            return match self.state(read, id).await? {
                // It may have come further since.
                Some(state) => Err(ProveError::Pending(state.min(EventState::Sequenced))),
                None => Ok(None),
            };
        };
        let Some(checkpoint) = checkpoint.filter(|checkpoint| index < checkpoint.head.size) else {
            return Err(ProveError::Pending(EventState::Sequenced));
        };
        let size = checkpoint.head.size;
        let proofs = inclusions(read, &checkpoint.head, vec![(index, leaf)]).await?;
        let proof = proofs.into_iter().next().ok_or(ProveError::Damaged { size })?;
        Ok(Some(ProofBundle {
            index,
            proof,
            checkpoint: note_of(&checkpoint)?,
            extra: None,
        }))
    }
}

/// The proof for a leaf, checked: a tree that was altered gives an error and no proof that proves nothing.
fn inclusion_in(
    head: &TreeHead,
    index: u64,
    leaf: LeafHash,
    plan: &ProofPlan,
    source: &impl HashSource,
) -> Result<InclusionProof, ProveError> {
    let hashes = plan.hashes(source).map_err(ProveError::damaged(head.size))?;
    let proof = InclusionProof { hashes };
    match verify_inclusion(leaf, index, head, &proof) {
        Ok(()) => Ok(proof),
        Err(_) => Err(ProveError::Damaged { size: head.size }),
    }
}

/// The proofs for leaves of one tree, in their order, with one query for all of them.
pub(crate) async fn inclusions(
    read: &mut TenantRead,
    head: &TreeHead,
    leaves: Vec<(u64, LeafHash)>,
) -> Result<Vec<InclusionProof>, ProveError> {
    let planned = |(index, leaf)| Ok((index, leaf, ProofPlan::inclusion(index, head.size)?));
    let plans: Vec<_> = leaves
        .into_iter()
        .map(planned)
        .collect::<Result<_, NoSuchProof>>()?;
    let needed: BTreeSet<TileId> = plans.iter().flat_map(|(_, _, plan)| plan.tiles()).collect();
    let tiles = read_tiles(read, &Vec::from_iter(needed)).await?;
    let known = Known::new(&tiles);
    plans
        .iter()
        .map(|(index, leaf, plan)| inclusion_in(head, *index, *leaf, plan, &known))
        .collect()
}

pub(super) fn note_of(checkpoint: &StoredCheckpoint) -> Result<SignedNote, ProveError> {
    let size = checkpoint.head.size;
    checkpoint.note.parse().map_err(|_| ProveError::Damaged { size })
}

async fn place(read: &mut TenantRead, id: EventId) -> Result<Option<(u64, LeafHash)>, DbError> {
    let row: Option<(i64, Vec<u8>)> =
        sqlx::query_as("select seq, leaf from platform_audit.leaf where tenant_id = $1 and id = $2")
            .bind(read.tenant())
            .bind(id)
            .fetch_optional(&mut *read)
            .await?;
    Ok(row.and_then(|(seq, leaf)| Some((seq.try_into().ok()?, LeafHash::from_slice(&leaf).ok()?))))
}
