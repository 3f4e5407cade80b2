//! Verifying what was added since, and while more is being added.

use std::sync::atomic::{AtomicBool, Ordering};

use platform_audit::{Finding, ResumePoint, VerifyError, VerifyOptions, verify_stored};
use platform_core::TenantId;

use crate::live::Live;
use crate::support::altered;

// A21
#[tokio::test]
async fn only_what_was_added_since_is_looked_at() {
    let live = Live::new().await;
    let old = live.recorded(300).await;
    live.attest().await;
    let point = live.verify().await.resume.unwrap();
    let point: ResumePoint = point.to_string().parse().unwrap();
    let new = live.recorded(20).await;
    live.attest().await;
    let since = || VerifyOptions::new().since(point.clone());

    let report = live.verify_with(&live.witnessed(), since()).await;
    assert_eq!(report.findings, []);
    assert_eq!((report.events, report.size, report.unattested), (21, 322, 0));
    assert_eq!(report.proven.map(|head| head.size), Some(322));
    assert_eq!(report.resume, live.verify().await.resume);

    live.tamper(&format!(
        "update platform_audit.event set reason = 'x' where id in ('{}', '{}')",
        old[7], new[7]
    ))
    .await;
    assert_eq!(
        live.verify_with(&live.trust(), since()).await.findings,
        [altered(308, &["reason"])]
    );
    assert_eq!(
        live.findings().await,
        [altered(7, &["reason"]), altered(308, &["reason"])]
    );
}

// A21
#[tokio::test]
async fn a_trail_that_became_shorter_than_it_was_is_truncated() {
    let live = Live::new().await;
    live.recorded(5).await;
    let early = live.verify().await;
    live.recorded(5).await;
    let late = live.verify().await.resume.unwrap();
    live.tamper(&format!(
        "delete from platform_audit.event e using platform_audit.leaf l where l.id = e.id and l.seq >= 5;
         delete from platform_audit.entry e using platform_audit.leaf l where l.id = e.id and l.seq >= 5;
         delete from platform_audit.leaf where seq >= 5;
         delete from platform_audit.checkpoint where size > 5;
         update platform_audit.tile set width = 5, hashes = substring(hashes from 1 for 160);
         update platform_audit.tree set size = 5, root = '\\x{}'",
        early.proven.unwrap().root
    ))
    .await;

    let report = live
        .verify_with(&live.trust(), VerifyOptions::new().since(late))
        .await;

    assert_eq!(report.findings, [Finding::Truncated { from: 5, to: 10 }]);
}

// A21
#[tokio::test]
async fn a_trail_of_another_past_does_not_go_on_from_a_trusted_tree() {
    let (live, other) = (Live::new().await, Live::new().await);
    live.recorded(5).await;
    other.recorded(5).await;
    let point = other.verify().await.resume.unwrap();
    live.recorded(5).await;

    let report = live
        .verify_with(&live.trust(), VerifyOptions::new().since(point))
        .await;

    assert!(
        report
            .findings
            .contains(&Finding::RootMismatch { after: 5, size: 5 }),
        "{:?}",
        report.findings
    );
    assert_eq!(report.proven, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trail_that_grows_meanwhile_is_clean() {
    let live = Live::new().await;
    live.recorded(10).await;
    let is_done = AtomicBool::new(false);
    let growing = async {
        for _ in 0..40 {
            live.record(130).await;
            live.sequencer.round().await.unwrap();
        }
        live.attest().await;
        is_done.store(true, Ordering::Relaxed);
    };
    let verifying = async {
        let (mut times, mut size) = (0, 0);
        while !is_done.load(Ordering::Relaxed) {
            let report = live.verify().await;
            assert_eq!(report.findings, []);
            assert!(report.size >= size);
            size = report.size;
            times += 1;
        }
        times
    };
    let ((), times) = tokio::join!(growing, verifying);
    assert!(times > 2, "{times}");
    let report = live.verify_with(&live.witnessed(), VerifyOptions::new()).await;
    assert_eq!(report.findings, []);
    assert_eq!(report.proven.map(|head| head.size), Some(10 + 40 * 130 + 1));
}

#[tokio::test]
async fn an_unknown_tenant_and_the_name_of_another_log_are_errors() {
    let live = Live::new().await;
    live.recorded(3).await;
    let unknown = TenantId::generate(live.test.sources());
    let mut trust = live.trust();
    trust.origin = live.key.origin(unknown);
    let result = verify_stored(
        &live.test.db(),
        &live.test.context(unknown),
        &trust,
        VerifyOptions::new(),
    )
    .await;
    assert!(matches!(result, Err(VerifyError::UnknownTenant)));
    // A2
    let result = verify_stored(&live.test.db(), &live.ctx, &trust, VerifyOptions::new()).await;
    assert!(matches!(result, Err(VerifyError::ForeignOrigin { .. })));
}

#[tokio::test]
async fn a_tenant_without_events_has_a_clean_trail_of_nothing() {
    let live = Live::new().await;
    let report = live.verify().await;
    assert!(report.is_clean());
    assert_eq!((report.size, report.proven), (0, None));
}
