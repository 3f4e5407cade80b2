//! Which positions the trail says were pruned.

use platform_core::pg::{DbError, TenantRead};

use crate::retention::Pruned;
use crate::{Entry, LeafHash, PRUNED};

/// The positions whose events were deleted by right, as far as the events that say so are what was sequenced.
pub(super) async fn pruned(read: &mut TenantRead) -> Result<Pruned, DbError> {
    let notes: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(
        "select l.leaf, b.bytes
         from platform_audit.event e
         join platform_audit.leaf l on l.tenant_id = e.tenant_id and l.id = e.id
         join platform_audit.entry b on b.tenant_id = e.tenant_id and b.id = e.id
         where e.tenant_id = $1 and e.action = $2
         order by l.seq",
    )
    .bind(read.tenant())
    .bind(PRUNED.name())
    .fetch_all(&mut *read)
    .await?;
    let mut pruned = Pruned::default();
    for (leaf, bytes) in notes {
        if LeafHash::from_slice(&leaf) != Ok(LeafHash::of(&bytes)) {
            continue;
        }
        let entry = Entry::from_bytes(&bytes)
            .ok()
            .filter(|entry| entry.action == PRUNED.name());
        let detail = entry.and_then(|entry| serde_json::from_str(entry.detail?.as_str()).ok());
        if let Some(detail) = detail {
            pruned.apply(&detail);
        }
    }
    Ok(pruned)
}
