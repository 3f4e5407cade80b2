use platform_audit::{AuditLog, EventPage, MIGRATIONS, RecordedEvent};
use platform_core::testing::TestDb;
use platform_core::{RequestContext, Sources, TenantId};

pub(crate) async fn shared() -> TestDb {
    Box::pin(TestDb::shared(&[&MIGRATIONS])).await
}

pub(crate) fn log() -> AuditLog {
    AuditLog::new(Sources::system())
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

pub(crate) async fn context(test: &TestDb) -> (TenantId, RequestContext) {
    let tenant = test.tenant().await;
    (tenant, test.context(tenant))
}
