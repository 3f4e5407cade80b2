//! How much of a tenant's trail is covered by a checkpoint that the log has really signed.

use std::collections::HashMap;

use platform_core::pg::{DbError, RoleTx};
use platform_core::{TenantId, error_chain};

use crate::{Checkpoint, LogKey};

/// The sizes that were looked up, for one run.
#[derive(Debug)]
pub(super) struct SignedSizes<'a> {
    key: &'a LogKey,
    sizes: HashMap<TenantId, u64>,
}

impl<'a> SignedSizes<'a> {
    pub(super) fn new(key: &'a LogKey) -> Self {
        Self {
            key,
            sizes: HashMap::new(),
        }
    }

    /// Forgets what was looked up: checkpoints are signed all the time.
    pub(super) fn refresh(&mut self) {
        self.sizes.clear();
    }

    /// How many positions the newest checkpoint covers; 0 when there is none that can be believed.
    pub(super) async fn of(&mut self, tx: &mut RoleTx, tenant: TenantId) -> Result<u64, DbError> {
        if let Some(size) = self.sizes.get(&tenant) {
            return Ok(*size);
        }
        let note: Option<String> = sqlx::query_scalar(
            "select note from platform_audit.checkpoint where tenant_id = $1 order by size desc limit 1",
        )
        .bind(tenant)
        .fetch_optional(&mut *tx)
        .await?;
        let size = note.map_or(0, |note| self.open(tenant, &note));
        self.sizes.insert(tenant, size);
        Ok(size)
    }

    /// The same for a tenant that was looked up.
    pub(super) fn known(&self, tenant: TenantId) -> u64 {
        self.sizes.get(&tenant).copied().unwrap_or(0)
    }

    fn open(&self, tenant: TenantId, note: &str) -> u64 {
        match Checkpoint::open(note, &self.key.origin(tenant), &self.key.verifiers(tenant)) {
            Ok(checkpoint) => checkpoint.head().size,
            Err(error) => {
                tracing::error!(
                    tenant.id = %tenant, error = error_chain(&error),
                    "the newest checkpoint of a trail is not the log's; none of its events is pruned"
                );
                0
            }
        }
    }
}
