//! Reports that an operator prints.

use super::support::{audit, launch, one};
use crate::support::{DataDir, buy};

const RANGE: [&str; 4] = ["--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z"];

#[tokio::test(flavor = "multi_thread")]
async fn every_report_is_printed_in_both_forms_and_leaves_an_event() {
    let data = DataDir::new();
    let server = launch(&data).start().await;
    let api = server.api().tenant("acme");
    let wrong = serde_json::json!({ "email": "admin@example.com", "password": "not the password" });
    api.post("/api/v1/auth/login", &wrong).await.expect(401);
    let admin = server.sign_in("acme", "admin@example.com").await;
    admin.order(&buy("AAPL", "1")).await;

    let kinds = platform_audit::ReportKind::ALL.map(platform_audit::ReportKind::as_str);
    for kind in kinds {
        let range = match kind {
            "integrity" => &[][..],
            _ => &RANGE,
        };
        for format in ["json", "csv"] {
            let words = ["report", kind, "--tenant", "acme", "--format", format];
            let printed = audit(&data, &[&words[..], range].concat()).run().await;
            printed.expect(0, &[]);
            match format {
                "json" => assert!(
                    printed
                        .stdout
                        .lines()
                        .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()),
                    "{printed:?}"
                ),
                _ => assert!(
                    printed.stdout.lines().next().unwrap().contains(','),
                    "{printed:?}"
                ),
            }
        }
    }
    let failed = ["report", "failed-sign-ins", "--tenant", "acme"];
    let failed = audit(&data, &[&failed[..], &RANGE].concat()).run().await;
    assert_eq!(failed.stdout.lines().count(), 1, "{failed:?}");
    let told: i64 = one(
        &data,
        "select count(*) from platform_audit.event where action = 'audit.report'",
    )
    .await;
    assert_eq!(told, 15);
    server.stop().await.expect(0, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_is_asked_for_wrongly_is_not_begun() {
    let data = DataDir::new();
    let server = launch(&data).start().await;

    for wrong in [
        &["report"][..],
        &["report", "everything", "--tenant", "acme"],
        &["report", "integrity"],
        &["report", "integrity", "--tenant", "acme", "--from", RANGE[1]],
        &["report", "exports", "--tenant", "acme"],
        &["report", "exports", "--tenant", "acme", "--from", RANGE[1]],
        &[
            "report", "exports", "--tenant", "acme", "--from", RANGE[3], "--to", RANGE[1],
        ],
        &[
            "report", "exports", "--tenant", "acme", "--from", "then", "--to", RANGE[3],
        ],
        &[
            "report", "exports", "--tenant", "nobody", "--from", RANGE[1], "--to", RANGE[3],
        ],
        &["report", "integrity", "--tenant", "acme", "--format", "xml"],
    ] {
        let ended = audit(&data, wrong).run().await;
        assert_eq!(ended.code(), Some(2), "{wrong:?}: {ended:?}");
        assert_eq!(ended.stdout, "", "{wrong:?}");
    }
    let told: i64 = one(
        &data,
        "select count(*) from platform_audit.event where action = 'audit.report'",
    )
    .await;
    assert_eq!(told, 0);
    server.stop().await.expect(0, &[]);
}
