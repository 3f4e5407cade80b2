//! A worker without HTTP: it records what it does in a tenant's transaction, and reads the trail back.
//!
//! It names `platform-audit` and reaches `platform-core` through it. The binary is `main.rs`.

use anyhow::ensure;
use platform_audit::platform_core::pg::{AllowList, Db, DbConfig, migrate};
use platform_audit::platform_core::{RequestContext, Sources, TenantId};
use platform_audit::{AUDIT_TABLES, Action, AuditLog, Event, EventPage, MIGRATIONS, Outcome, RecordedEvent};

const ARCHIVED: Action = Action::new("report.archive");

/// Connects as the application, after the owner of the tables, when its login is known, has brought them up to date.
///
/// # Errors
/// When the database cannot be reached or does not keep tenants apart.
pub async fn connect(url: &str, owner_url: Option<String>) -> anyhow::Result<Db> {
    if let Some(owner_url) = owner_url {
        migrate(&owner_url.into(), None, &[&MIGRATIONS]).await?;
    }
    let db = Db::connect(&DbConfig::new(url), Sources::system()).await?;
    let report = db.self_check(&AllowList::core().with_all(AUDIT_TABLES)).await?;
    ensure!(report.passes(), "{report}");
    Ok(db)
}

/// Archives a report of a tenant: the work and the event that tells of it are one transaction.
///
/// # Errors
/// When the database fails; then neither has happened.
pub async fn archive(db: &Db, tenant: TenantId, report: &str) -> anyhow::Result<()> {
    let audit = AuditLog::new(db.sources().clone());
    let ctx = RequestContext::system(tenant, "archive old reports", db.sources());
    let mut tx = db.begin(&ctx).await?;
    // … the work itself, through the same `tx` …
    let event = Event::new(ARCHIVED, Outcome::Success).target("report", report);
    audit.record(&mut tx, &ctx, event).await?;
    tx.commit().await?;
    Ok(())
}

/// What has happened to a report, newest first.
///
/// # Errors
/// When the database fails.
pub async fn history(db: &Db, tenant: TenantId, report: &str) -> anyhow::Result<Vec<RecordedEvent>> {
    let audit = AuditLog::new(db.sources().clone());
    let ctx = RequestContext::system(tenant, "read the trail", db.sources());
    let mut read = db.read(&ctx).await?;
    let page = EventPage::newest(20);
    Ok(audit.events_for_target(&mut read, "report", report, page).await?)
}
