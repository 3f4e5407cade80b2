//! The worker on a database for tests, and what it is made of.

use std::process::Command;

use audit_only::{archive, connect, history};
use platform_audit::MIGRATIONS;
use platform_core::testing::TestDb;

#[tokio::test]
async fn what_was_archived_is_in_the_trail_of_its_tenant_alone() {
    let test = TestDb::shared(&[&MIGRATIONS]).await;
    let db = connect(&test.app_url(), None).await.unwrap();
    let (ours, theirs) = (test.tenant().await, test.tenant().await);

    archive(&db, ours, "2026-10").await.unwrap();

    let events = history(&db, ours, "2026-10").await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].action, "report.archive");
    assert_eq!(events[0].purpose.as_deref(), Some("archive old reports"));
    assert!(history(&db, theirs, "2026-10").await.unwrap().is_empty());
}

#[test]
fn a_worker_that_only_records_pulls_no_http() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--package",
            "audit-only",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--offline",
            "--locked",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let crates = String::from_utf8(tree.stdout).unwrap();

    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    assert!(
        crates.lines().any(|line| line.starts_with("platform-core ")),
        "{crates}"
    );
    for absent in ["axum", "hyper", "tower-http", "utoipa", "tracing-subscriber"] {
        let pulled = crates.lines().any(|line| line.split(' ').next() == Some(absent));
        assert!(!pulled, "{absent} is pulled:\n{crates}");
    }
}
