//! Committing a change that has no event of its own.

use platform_core::RequestContext;
use platform_core::pg::TenantTx;

use super::log::Counters;
use crate::catalogue::unaudited_commit;
use crate::{AuditError, AuditLog};

impl AuditLog {
    /// Commits a change for which there is no event, and says so in the trail with the reason, a short stable code.
    ///
    /// A protected table cannot be changed without an event; this is the way for what has none, such as a repair of data, and it does
    /// not go unnoticed: it is an event (`audit.unaudited_commit`), a line in the log and a count.
    ///
    /// # Errors
    /// [`AuditError`]: nothing was committed, unless the connection broke while it was.
    pub async fn commit_unaudited(
        &self,
        mut tx: TenantTx,
        ctx: &RequestContext,
        reason: &'static str,
    ) -> Result<(), AuditError> {
        self.record(&mut tx, ctx, unaudited_commit(reason)).await?;
        tx.commit().await?;
        Counters::add(&self.counters.unaudited, 1);
        tracing::warn!(
            tenant.id = %ctx.tenant(),
            request.id = %ctx.meta().request_id,
            reason,
            "a change was committed without an audit event of its own: {reason}"
        );
        Ok(())
    }
}
