//! One event.

use platform_core::pg::{DbError, TenantRead};

use super::reader::Reader;
use crate::entry::event_columns;
use crate::read::Row;
use crate::{AuditLog, EventId, RecordedEvent};

impl AuditLog {
    /// The event with this id; `None` when the tenant has none, it was deleted when its time was over, or the reader may not see it.
    ///
    /// # Errors
    /// [`DbError`] as the database gives it.
    pub async fn event(
        &self,
        read: &mut TenantRead,
        reader: Reader,
        id: EventId,
    ) -> Result<Option<RecordedEvent>, DbError> {
        let row: Option<Row> = sqlx::query_as(concat!(
            "select ",
            event_columns!(),
            ", l.seq
             from platform_audit.event e
             left join platform_audit.leaf l on l.tenant_id = e.tenant_id and l.id = e.id
             where e.tenant_id = $1 and e.id = $2 and ($3 or e.visibility = 'tenant')"
        ))
        .bind(read.tenant())
        .bind(id)
        .bind(reader == Reader::Platform)
        .fetch_optional(&mut *read)
        .await?;
        row.map(Row::into_event).transpose()
    }
}
