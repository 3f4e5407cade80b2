//! Signed events as they are stored.

use std::collections::HashMap;

use platform_core::pg::{DbError, TenantRead};
use platform_core::uuid::Uuid;
use serde::Deserialize;

use crate::Visibility;

/// The canonical bytes of events, by their ids; those of deleted events are not among them.
pub(crate) async fn entries_of(
    read: &mut TenantRead,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Vec<u8>>, DbError> {
    // Planned for these ids, so that only the months in which they are get looked at.
    let rows: Vec<(Uuid, Vec<u8>)> =
        sqlx::query_as("select id, bytes from platform_audit.entry where tenant_id = $1 and id = any($2)")
            .bind(read.tenant())
            .bind(ids)
            .persistent(false)
            .fetch_all(&mut *read)
            .await?;
    Ok(rows.into_iter().collect())
}

/// Who may see an event, as was signed; `None` when the bytes do not say.
pub(crate) fn visibility_of(entry: &[u8]) -> Option<Visibility> {
    #[derive(Deserialize)]
    struct Seen {
        visibility: Visibility,
    }
    let seen: Seen = serde_json::from_slice(entry).ok()?;
    Some(seen.visibility)
}
