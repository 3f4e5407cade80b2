//! That the log has only grown.

use platform_core::pg::TenantRead;

use super::tiles::read_tiles;
use crate::{AuditLog, ConsistencyProof, NoSuchProof, ProofPlan, ProveError};

impl AuditLog {
    /// The proof that the tree of `to` leaves begins with that of `from` leaves, for whoever has checkpoints of both sizes:
    /// [`verify_consistency`](crate::verify_consistency) checks it. Nothing is signed for it.
    ///
    /// # Errors
    /// [`ProveError::NotCovered`] when `to` is larger than the newest signed checkpoint or smaller than `from`,
    /// [`ProveError::Damaged`] when tiles are missing.
    pub async fn consistency(
        &self,
        read: &mut TenantRead,
        from: u64,
        to: u64,
    ) -> Result<ConsistencyProof, ProveError> {
        let signed = self.checkpoint(read).await?.map_or(0, |newest| newest.head.size);
        if to > signed {
            return Err(NoSuchProof {
                asked: to,
                size: signed,
            }
            .into());
        }
        let plan = ProofPlan::consistency(from, to)?;
        let tiles = read_tiles(read, &plan.tiles()).await?;
        let hashes = plan.hashes(&tiles).map_err(ProveError::damaged(to))?;
        Ok(ConsistencyProof { hashes })
    }
}
