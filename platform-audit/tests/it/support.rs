use std::sync::Arc;

use platform_audit::{
    Action, AuditLog, Event, EventPage, LogKey, MIGRATIONS, Outcome, RecordedEvent, StoredRow,
};
use platform_core::sqlx::{self, AssertSqlSafe, Connection, PgConnection};
use platform_core::testing::TestDb;
use platform_core::{ManualClock, OsRandom, RequestContext, Sources, TenantId, Timestamp};

pub(crate) const SENT: Action = Action::new("parcel.send");

/// All columns of an event, as a [`StoredRow`] reads them.
const COLUMNS: &str = "tenant_id, id, recorded_at, occurred_at, xid::text as xid, action, action_version, activity, outcome, reason,
    severity, actor_kind, actor_id, purpose, on_behalf_of, session_id, target_kind, target_id, targets::text as targets,
    changes::text as changes, source_address, user_agent, request_id, trace_id, detail::text as detail, retention, visibility,
    producer, counter, seal";

pub(crate) async fn shared() -> TestDb {
    Box::pin(TestDb::shared(&[&MIGRATIONS])).await
}

pub(crate) async fn own() -> TestDb {
    Box::pin(TestDb::own(&[&MIGRATIONS])).await
}

pub(crate) fn log() -> AuditLog {
    AuditLog::new(Sources::system())
}

pub(crate) fn log_key() -> LogKey {
    LogKey::generate("audit.example.com", &Sources::system()).unwrap()
}

/// A log that seals and numbers, with a key of its own.
pub(crate) fn sealed_log() -> AuditLog {
    log().sealed_by(&log_key())
}

/// An event that is found under this parcel.
pub(crate) fn sent(parcel: &str) -> Event {
    Event::new(SENT, Outcome::Success).target("parcel", parcel)
}

pub(crate) fn sources_at(at: Timestamp) -> (Arc<ManualClock>, Sources) {
    let clock = Arc::new(ManualClock::starting_at(at));
    (Arc::clone(&clock), Sources::shared(clock, Arc::new(OsRandom)))
}

/// The newest events under a target, as `ctx` sees them.
pub(crate) async fn events(test: &TestDb, ctx: &RequestContext, kind: &str, id: &str) -> Vec<RecordedEvent> {
    let mut read = test.db().read(ctx).await.unwrap();
    let events = log()
        .events_for_target(&mut read, kind, id, EventPage::newest(200))
        .await
        .unwrap();
    read.finish().await.unwrap();
    events
}

/// Every event of the context's tenant as it is stored, in the order of numbers and ids.
pub(crate) async fn stored(test: &TestDb, ctx: &RequestContext) -> Vec<StoredRow> {
    let mut read = test.db().read(ctx).await.unwrap();
    let sql = format!(
        "select {COLUMNS} from platform_audit.event where tenant_id = $1 order by producer, counter, id"
    );
    let rows = sqlx::query_as(AssertSqlSafe(sql)).bind(ctx.tenant());
    let rows = rows.fetch_all(&mut read).await.unwrap();
    read.finish().await.unwrap();
    rows
}

pub(crate) async fn context(test: &TestDb) -> (TenantId, RequestContext) {
    let tenant = test.tenant().await;
    (tenant, test.context(tenant))
}

pub(crate) async fn owner(test: &TestDb) -> PgConnection {
    PgConnection::connect(&test.owner_url()).await.unwrap()
}

pub(crate) async fn superuser(test: &TestDb) -> PgConnection {
    PgConnection::connect(&test.superuser_url()).await.unwrap()
}

pub(crate) fn sqlstate(error: &sqlx::Error) -> String {
    let code = error.as_database_error().and_then(|error| error.code());
    code.unwrap_or_default().into_owned()
}
