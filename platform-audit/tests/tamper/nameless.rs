//! Rows whose ids, or what they are in order by, were taken away.

use platform_audit::Finding;
use platform_core::uuid::Uuid;

use crate::support::Lawless;

#[tokio::test]
async fn rows_without_an_id_are_findings_and_do_not_end_the_verification() {
    let lawless = Lawless::new().await;
    let id = Uuid::nil();
    let missing = Finding::Missing { first: 5, last: 5 };
    let lost = Finding::CopyLost {
        copy: "entry",
        first: 5,
        last: 5,
    };
    for (table, expected) in [
        ("event", vec![missing, Finding::Unsequenced { id }]),
        ("entry", vec![lost, Finding::EntryWithoutEvent { id }]),
    ] {
        let trail = lawless.trail(&[4, 8], &[]).await;
        let statement = format!(
            "update platform_audit.{table} set id = null where tenant_id = $1 and id = '{}'",
            trail.ids[5]
        );
        assert_eq!(lawless.run(trail.tenant, &statement).await, 1);

        assert_eq!(lawless.findings(&trail).await, expected, "{table}");
    }
}

#[tokio::test]
async fn what_the_work_list_has_no_order_for_is_a_finding_and_does_not_end_the_verification() {
    let lawless = Lawless::new().await;
    for (column, others_are_missing) in [("id", true), ("xid", false)] {
        let trail = lawless.trail(&[4, 8], &[]).await;
        lawless.record(trail.tenant, 2).await;
        let waiting: Vec<Uuid> =
            sqlx::query_scalar("select id from platform_audit.pending where tenant_id = $1 order by id")
                .bind(trail.tenant)
                .fetch_all(&lawless.superuser)
                .await
                .unwrap();
        let [first, _] = waiting[..] else {
            panic!("{waiting:?}")
        };
        let statement = format!(
            "update platform_audit.pending set {column} = null where tenant_id = $1 and id = '{first}'"
        );
        assert_eq!(lawless.run(trail.tenant, &statement).await, 1);

        let report = lawless.verify(&trail).await;

        let mut expected = vec![Finding::PendingWithoutEvent { id: first }];
        if others_are_missing {
            expected = vec![
                Finding::Unsequenced { id: first },
                Finding::PendingWithoutEvent { id: Uuid::nil() },
            ];
        }
        assert_eq!(report.findings, expected, "{column}");
        assert_eq!(report.pending, 1);
    }
}
