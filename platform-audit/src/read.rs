//! Reading events back.

use platform_core::pg::{DbError, TenantRead};
use platform_core::uuid::Uuid;
use platform_core::{PrincipalId, RequestId, Timestamp};
use serde_json::Value;

use crate::entry::event_columns;
use crate::{
    Activity, AuditLog, CanonicalJson, EventId, Outcome, ProducerId, Retention, Severity, StoredRow, Target,
    Visibility,
};

/// Which part of a list to read: events older than `before`, at most `limit` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPage {
    /// The last event of the page before this one; `None` for the newest.
    pub before: Option<EventId>,
    /// How many events; 200 at most are given.
    pub limit: u32,
}

impl EventPage {
    /// The most events that one page holds.
    pub const LIMIT_MAX: u32 = 200;

    /// The newest events.
    pub const fn newest(limit: u32) -> Self {
        Self { before: None, limit }
    }

    /// The events that follow `last` in the list.
    pub const fn before(last: EventId, limit: u32) -> Self {
        Self {
            before: Some(last),
            limit,
        }
    }
}

/// An event as it stands in the trail. What of it is proven, its proof says.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedEvent {
    /// Its id; ids grow with time.
    pub id: EventId,
    /// Its number in the log of the tenant; `None` until it is sequenced.
    pub seq: Option<u64>,
    /// When it happened, by the program's clock.
    pub occurred_at: Timestamp,
    /// When it was stored, by the database's clock.
    pub recorded_at: Timestamp,
    /// What was done, as `module.verb`.
    pub action: String,
    /// Of which version of the action the detail is.
    pub action_version: u16,
    /// What sort of thing was done.
    pub activity: Activity,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed or was refused.
    pub reason: Option<String>,
    /// How much it should worry whoever reads it.
    pub severity: Severity,
    /// `anonymous`, `user`, `service` or `system`.
    pub actor_kind: String,
    /// Who did it; a system job and an anonymous caller have no id.
    pub actor_id: Option<PrincipalId>,
    /// Why a system job did it.
    pub purpose: Option<String>,
    /// For whom it was done.
    pub on_behalf_of: Option<PrincipalId>,
    /// The session whose credential was shown.
    pub session_id: Option<Uuid>,
    /// What it was done to.
    pub targets: Vec<Target>,
    /// What was changed: `{"field": {"before": …, "after": …}}`.
    pub changes: Option<Value>,
    /// Where the request came from.
    pub source_address: Option<String>,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
    /// The request.
    pub request_id: RequestId,
    /// The trace: 32 hexadecimal digits.
    pub trace_id: String,
    /// What else was noted.
    pub detail: Option<Value>,
    /// How long it is kept.
    pub retention: Retention,
    /// Who may read it.
    pub visibility: Visibility,
    /// The process that recorded it.
    pub producer: Option<ProducerId>,
    /// How many events of this tenant that process had recorded before.
    pub counter: Option<u64>,
}

impl AuditLog {
    /// The events whose first target is the given one and that the tenant may see, newest first. [`search`](AuditLog::search) finds
    /// by more than that.
    ///
    /// The caller decides who may read them.
    ///
    /// # Errors
    /// [`DbError`] as the database gives it.
    pub async fn events_for_target(
        &self,
        read: &mut TenantRead,
        kind: &str,
        id: &str,
        page: EventPage,
    ) -> Result<Vec<RecordedEvent>, DbError> {
        let before = page.before.map_or(Uuid::max(), |event| event.as_uuid());
        let rows: Vec<Row> = sqlx::query_as(concat!(
            "select ",
            event_columns!(),
            ", l.seq
             from (
               select *
               from platform_audit.event
               where tenant_id = $1 and target_kind = $2 and target_id = $3 and id < $4 and visibility = 'tenant'
               order by id desc
               limit $5
             ) e
             left join platform_audit.leaf l on l.tenant_id = e.tenant_id and l.id = e.id
             order by e.id desc"
        ))
        .bind(read.tenant())
        .bind(kind)
        .bind(id)
        .bind(before)
        .bind(i64::from(page.limit.min(EventPage::LIMIT_MAX)))
        .fetch_all(&mut *read)
        .await?;
        rows.into_iter().map(Row::into_event).collect()
    }
}

/// An event with its number.
#[derive(sqlx::FromRow)]
pub(crate) struct Row {
    #[sqlx(flatten)]
    stored: StoredRow,
    seq: Option<i64>,
}

impl Row {
    pub(crate) fn into_event(self) -> Result<RecordedEvent, DbError> {
        RecordedEvent::of(self.stored, self.seq)
    }
}

impl RecordedEvent {
    pub(crate) fn of(stored: StoredRow, seq: Option<i64>) -> Result<Self, DbError> {
        let entry = stored.entry;
        Ok(Self {
            id: entry.id,
            seq: seq.and_then(|seq| seq.try_into().ok()),
            occurred_at: entry.occurred_at,
            recorded_at: entry.recorded_at,
            action: entry.action,
            action_version: entry.action_version,
            activity: entry.activity,
            outcome: entry.outcome,
            reason: entry.reason,
            severity: entry.severity,
            actor_kind: entry.actor_kind,
            actor_id: entry.actor_id,
            purpose: entry.purpose,
            on_behalf_of: entry.on_behalf_of,
            session_id: entry.session_id,
            targets: entry.targets,
            changes: value("changes", entry.changes)?,
            source_address: entry.source_address,
            user_agent: entry.user_agent,
            request_id: entry.request_id,
            trace_id: entry.trace_id,
            detail: value("detail", entry.detail)?,
            retention: entry.retention,
            visibility: entry.visibility,
            producer: entry.producer,
            counter: entry.counter,
        })
    }
}

fn value(column: &str, json: Option<CanonicalJson>) -> Result<Option<Value>, DbError> {
    let read = |json: CanonicalJson| serde_json::from_str(json.as_str());
    json.map(read).transpose().map_err(|error| {
        DbError::from(sqlx::Error::ColumnDecode {
            index: column.to_owned(),
            source: error.into(),
        })
    })
}
