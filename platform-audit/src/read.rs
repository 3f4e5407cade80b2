//! Reading events back.

use platform_core::pg::{DbError, TenantRead};
use platform_core::uuid::Uuid;
use platform_core::{PrincipalId, RequestId, Timestamp};
use sqlx::types::Json;

use crate::{AuditLog, EventId, Outcome, Target};

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

/// An event as it stands in the trail.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedEvent {
    /// Its id; ids grow with time.
    pub id: EventId,
    /// When it happened, by the program's clock.
    pub occurred_at: Timestamp,
    /// When it was stored, by the database's clock.
    pub recorded_at: Timestamp,
    /// What was done, as `module.verb`.
    pub action: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed or was refused.
    pub reason: Option<String>,
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
    /// Where the request came from.
    pub source_address: Option<String>,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
    /// The request.
    pub request_id: RequestId,
    /// The trace: 32 hexadecimal digits.
    pub trace_id: String,
    /// What else was noted.
    pub detail: Option<serde_json::Value>,
}

impl AuditLog {
    /// The events whose first target is the given one, newest first.
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
        let tenant = read.tenant();
        let rows: Vec<Row> = sqlx::query_as(
            "select id, occurred_at, recorded_at, action, outcome, reason, actor_kind, actor_id, purpose, on_behalf_of,
                    session_id, targets, source_address, user_agent, request_id, trace_id, detail
             from platform_audit.event
             where tenant_id = $1 and target_kind = $2 and target_id = $3 and ($4::uuid is null or id < $4)
             order by id desc
             limit $5",
        )
        .bind(tenant)
        .bind(kind)
        .bind(id)
        .bind(page.before)
        .bind(i64::from(page.limit.min(EventPage::LIMIT_MAX)))
        .fetch_all(&mut *read)
        .await?;
        rows.into_iter().map(Row::into_event).collect()
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: EventId,
    occurred_at: Timestamp,
    recorded_at: Timestamp,
    action: String,
    outcome: String,
    reason: Option<String>,
    actor_kind: String,
    actor_id: Option<PrincipalId>,
    purpose: Option<String>,
    on_behalf_of: Option<PrincipalId>,
    session_id: Option<Uuid>,
    targets: Json<Vec<Target>>,
    source_address: Option<String>,
    user_agent: Option<String>,
    request_id: RequestId,
    trace_id: String,
    detail: Option<Json<serde_json::Value>>,
}

impl Row {
    fn into_event(self) -> Result<RecordedEvent, DbError> {
        let outcome = self.outcome.parse().map_err(|error| sqlx::Error::ColumnDecode {
            index: "outcome".to_owned(),
            source: Box::<crate::event::UnknownOutcome>::new(error),
        })?;
        Ok(RecordedEvent {
            id: self.id,
            occurred_at: self.occurred_at,
            recorded_at: self.recorded_at,
            action: self.action,
            outcome,
            reason: self.reason,
            actor_kind: self.actor_kind,
            actor_id: self.actor_id,
            purpose: self.purpose,
            on_behalf_of: self.on_behalf_of,
            session_id: self.session_id,
            targets: self.targets.0,
            source_address: self.source_address,
            user_agent: self.user_agent,
            request_id: self.request_id,
            trace_id: self.trace_id,
            detail: self.detail.map(|detail| detail.0),
        })
    }
}
