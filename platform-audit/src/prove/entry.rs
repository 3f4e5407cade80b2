//! The canonical bytes of an event.

use platform_core::pg::{DbError, TenantRead};

use crate::{AuditLog, EventId};

impl AuditLog {
    /// The canonical bytes of an event, which its proof is for; `None` until it is sequenced, and when it was deleted.
    ///
    /// The caller decides who may read them.
    ///
    /// # Errors
    /// [`DbError`] as the database gives it.
    pub async fn entry(&self, read: &mut TenantRead, id: EventId) -> Result<Option<Vec<u8>>, DbError> {
        let mut entries = crate::export::entries_of(read, &[id.as_uuid()]).await?;
        Ok(entries.remove(&id.as_uuid()))
    }
}
