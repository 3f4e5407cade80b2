use std::collections::BTreeSet;

use platform_audit::AUDIT_TABLES;
use platform_core::pg::AllowList;

use crate::support::shared;

#[tokio::test]
async fn the_self_check_finds_in_these_tables_what_is_meant_and_nothing_else() {
    let test = shared().await;

    let report = test
        .db()
        .self_check(&AllowList::core().with_all(AUDIT_TABLES))
        .await
        .unwrap();

    let of_the_trail = |object: &str| object.starts_with("platform_audit.");
    let refused: Vec<_> = report
        .refusals()
        .filter(|finding| of_the_trail(&finding.object))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
    // No exception outlives what it was made for.
    let found: BTreeSet<(&str, &str)> = report
        .findings()
        .iter()
        .filter(|finding| of_the_trail(&finding.object))
        .map(|finding| (finding.code, finding.object.as_str()))
        .collect();
    let allowed: BTreeSet<(&str, &str)> = AUDIT_TABLES
        .iter()
        .map(|allowed| (allowed.code, allowed.object))
        .collect();
    assert_eq!(found, allowed);
}
