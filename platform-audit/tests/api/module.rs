use platform_audit::{
    AUDIT_EXPORT, AUDIT_HOLD, AUDIT_PLATFORM, AUDIT_READ, Audit, AuditLog, Marks, Outlet, Sequencer,
    SequencerConfig, Spool,
};
use platform_core::metrics::Metrics;
use platform_core::runtime::Platform;

use crate::app::App;
use crate::support::Place;

#[tokio::test]
async fn with_a_sequencer_what_is_recorded_is_proven_a_moment_later() {
    let mut place = Place::own().await;
    place.log = AuditLog::new(place.db.sources().clone()).sealed_by(&place.key);
    let folder = tempfile::tempdir().unwrap();
    let marks = Marks::open_or_begin(folder.path().join("marks"), &place.key).unwrap();
    let sequencer = Sequencer::new(&place.db, &place.key, marks, SequencerConfig::default())
        .publish_to(Outlet::directory(folder.path().join("outlet")));
    let audit = Audit::new(&place.db, &place.log, &place.key).sequencer(sequencer.clone());
    let app = App::with(place, &audit);
    let id = app.place.record_orders(1).await[0];

    let path = format!("/events/{id}/state?wait=published&timeout_ms=9000");
    let (answer, round) = tokio::join!(app.get(&path), sequencer.round());

    assert_eq!(round.unwrap().sequenced, 1);
    assert_eq!(answer.ok().json()["state"], "published");
    app.get(&format!("/events/{id}/proof")).await.ok();
    assert_eq!(app.get("/export").await.ok().text().lines().count(), 3);
}

#[tokio::test]
async fn a_service_that_composes_the_module_has_its_tables_permissions_routes_check_and_metrics() {
    let mut place = Place::new().await;
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path().join("spool"), &place.key, place.db.sources()).unwrap();
    place.log = AuditLog::new(place.db.sources().clone())
        .sealed_by(&place.key)
        .spool(spool);
    let marks = Marks::open_or_begin(folder.path().join("marks"), &place.key).unwrap();
    let sequencer = Sequencer::new(&place.db, &place.key, marks, SequencerConfig::default());
    let audit = Audit::new(&place.db, &place.log, &place.key).sequencer(sequencer);
    let metrics = Metrics::new();

    let platform = Platform::builder(place.db.clone(), place.db.sources().clone(), metrics.clone())
        .module(audit)
        .build()
        .unwrap();

    let permissions = platform.permissions();
    for permission in [AUDIT_READ, AUDIT_EXPORT, AUDIT_HOLD, AUDIT_PLATFORM] {
        assert!(permissions.contains(&permission), "{permission:?}");
    }
    let schemas: Vec<_> = platform
        .migrations()
        .iter()
        .map(|migrations| migrations.schema)
        .collect();
    assert!(schemas.contains(&"platform_audit"), "{schemas:?}");
    assert!(
        platform
            .openapi()
            .paths
            .paths
            .contains_key("/admin/v1/audit/events")
    );
    let page = metrics.encode();
    for name in [
        "audit_events_sequenced_total 0",
        "audit_events_recorded_total 0",
        "audit_spool_waiting 0",
        "audit_spool_damaged 0",
    ] {
        assert!(page.contains(name), "{name}: {page}");
    }
    let health = platform.health().report().await;
    let checks: Vec<_> = health
        .checks
        .iter()
        .map(|check| (&*check.name, check.critical))
        .collect();
    for check in [
        ("audit", false),
        ("worker:audit.sequence", false),
        ("worker:audit.attest", false),
    ] {
        assert!(checks.contains(&check), "{checks:?}");
    }
}
