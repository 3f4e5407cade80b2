//! Manifests in the database.

use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantRead, TenantTx};

use super::{ExportId, StoredManifest};
use crate::{AuditLog, SignedNote};

impl AuditLog {
    /// The manifest of a finished export of the tenant; `None` when there is none.
    ///
    /// # Errors
    /// [`DbError`] as the database gives it.
    pub async fn export_manifest(
        &self,
        read: &mut TenantRead,
        id: ExportId,
    ) -> Result<Option<StoredManifest>, DbError> {
        let row: Option<(String, Timestamp)> = sqlx::query_as(
            "select manifest, finished_at from platform_audit.export where tenant_id = $1 and id = $2",
        )
        .bind(read.tenant())
        .bind(id)
        .fetch_optional(&mut *read)
        .await?;
        Ok(row.map(|(note, finished_at)| StoredManifest { note, finished_at }))
    }
}

pub(crate) async fn store(tx: &mut TenantTx, id: ExportId, note: &SignedNote) -> Result<(), DbError> {
    sqlx::query("insert into platform_audit.export (tenant_id, id, manifest) values ($1, $2, $3)")
        .bind(tx.tenant())
        .bind(id)
        .bind(note.to_string())
        .execute(&mut *tx)
        .await?;
    Ok(())
}
