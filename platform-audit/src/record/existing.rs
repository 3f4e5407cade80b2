//! Events that are recorded already.

use std::collections::HashMap;

use platform_core::pg::{DbError, TenantTx};

use super::Draft;
use crate::entry::event_columns;
use crate::{AuditError, EventId, StoredRow};

const READ: &str = concat!(
    "select ",
    event_columns!(),
    " from platform_audit.event e where e.tenant_id = $1 and e.id = any($2)"
);

/// Says of the recording rather than of the event, or of the request rather than of what was done: who asks again does so by another
/// request.
const NOT_COMPARED: &[&str] = &[
    "recorded_at",
    "xid",
    "producer",
    "counter",
    "seal",
    "session_id",
    "source_address",
    "user_agent",
    "request_id",
    "trace_id",
];

/// Makes sure that the events recorded under these ids are these.
pub(super) async fn compare(tx: &mut TenantTx, drafts: &[&Draft]) -> Result<(), AuditError> {
    let ids: Vec<EventId> = drafts.iter().map(|draft| draft.id()).collect();
    let rows: Vec<StoredRow> = sqlx::query_as(READ)
        .bind(tx.tenant())
        .bind(ids)
        .fetch_all(&mut *tx)
        .await
        .map_err(DbError::from)?;
    let recorded: HashMap<_, _> = rows.iter().map(|row| (row.entry.id, row)).collect();
    for draft in drafts {
        let Some(row) = recorded.get(&draft.id()) else {
            // It was there a moment ago, and nobody but the retention takes events away.
            return Err(DbError::from(sqlx::Error::RowNotFound).into());
        };
        let mut columns = row.entry.columns_changed(&draft.entry);
        columns.retain(|column| {
            let defaulted = *column == "occurred_at" && !draft.timed;
            !defaulted && !NOT_COMPARED.contains(column)
        });
        if !columns.is_empty() {
            return Err(AuditError::IdTaken {
                id: draft.id(),
                columns,
            });
        }
    }
    Ok(())
}
