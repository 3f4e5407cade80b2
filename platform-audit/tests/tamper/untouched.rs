//! Trails that nobody has touched.

use platform_audit::{Progress, VerifyOptions, verify_stored};

use crate::support::Lawless;

#[tokio::test]
async fn an_untouched_trail_is_proven() {
    let lawless = Lawless::new().await;
    let trail = lawless.trail(&[4, 8, 12], &[12]).await;
    let mut told = Vec::new();

    let report = verify_stored(
        &lawless.test.db(),
        &lawless.test.context(trail.tenant),
        &lawless.witnessed(&trail),
        VerifyOptions::new().progress(|progress| told.push(progress)),
    )
    .await
    .unwrap();

    assert_eq!(report.findings, []);
    assert_eq!(report.proven, trail.heads.last().copied());
    assert_eq!(
        (report.size, report.events, report.pending, report.unattested),
        (12, 12, 0, 0)
    );
    assert_eq!(told, [Progress { done: 12, total: 12 }]);
}
