//! Refusals, with and without a database.

use platform_audit::{
    AuditError, AuditLog, Event, LogKey, Outcome, Spool, SpoolBounds, SpoolError, SpoolState,
};
use platform_core::pg::Db;
use platform_core::testing::TestDb;
use platform_core::{PermissionSet, Principal, PrincipalId, RequestContext, RequestMeta, Sources};
use tempfile::TempDir;

use crate::support::{SENT, context, log_key, sent, shared, stored};

pub(crate) fn denied(parcel: &str) -> Event {
    Event::new(SENT, Outcome::Denied)
        .target("parcel", parcel)
        .reason("not_yours")
}

pub(crate) fn gone() -> Db {
    Db::unconnected(Sources::system())
}

/// A log with a spool in a directory of its own.
pub(crate) fn spooling(directory: &TempDir, key: &LogKey) -> AuditLog {
    let sources = Sources::system();
    let spool = Spool::open(directory.path().join("spool"), key, &sources).unwrap();
    AuditLog::new(sources).sealed_by(key).spool(spool)
}

pub(crate) fn state(directory: &TempDir, key: &LogKey) -> SpoolState {
    Spool::open(directory.path().join("spool"), key, &Sources::system())
        .unwrap()
        .state()
        .unwrap()
}

async fn count(test: &TestDb, ctx: &RequestContext) -> usize {
    let rows = stored(test, ctx).await;
    rows.iter()
        .filter(|row| row.entry.action == "parcel.send")
        .count()
}

// A19
#[tokio::test]
async fn a_refusal_is_recorded_though_its_transaction_is_rolled_back() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let directory = TempDir::new().unwrap();
    let log = spooling(&directory, &log_key());
    let mut tx = test.db().begin(&ctx).await.unwrap();
    log.record(&mut tx, &ctx, sent("undone")).await.unwrap();

    let id = log.record_refusal(&test.db(), &ctx, denied("p")).await.unwrap();
    tx.rollback().await.unwrap();

    let rows = stored(&test, &ctx).await;
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].entry.id, rows[0].entry.outcome), (id, Outcome::Denied));
    assert_eq!(log.counts().spooled, 0);
}

// A19
#[tokio::test]
async fn a_refusal_waits_for_a_database_that_is_gone_with_all_it_says() {
    let test = shared().await;
    let tenant = test.tenant().await;
    let meta = RequestMeta {
        source_address: Some("192.0.2.7".parse().unwrap()),
        user_agent: Some("curl/8".to_owned()),
        ..RequestMeta::internal(test.sources())
    };
    let user = PrincipalId::generate(test.sources());
    let ctx = RequestContext::authenticated(tenant, Principal::user(user, PermissionSet::default()), meta)
        .in_session(test.sources().uuid_v7());
    let directory = TempDir::new().unwrap();
    let log = spooling(&directory, &log_key());

    let id = log.record_refusal(&gone(), &ctx, denied("p")).await.unwrap();
    assert_eq!(log.counts().spooled, 1);
    assert_eq!(count(&test, &ctx).await, 0);
    let round = log.worker(&test.db()).round().await.unwrap();

    assert_eq!((round.drained, round.kept, round.set_aside), (1, 0, 0));
    let rows = stored(&test, &ctx).await;
    let entry = &rows[0].entry;
    assert_eq!((entry.id, entry.reason.as_deref()), (id, Some("not_yours")));
    assert_eq!((entry.actor_id, entry.actor_kind.as_str()), (Some(user), "user"));
    assert_eq!(
        (entry.session_id, entry.request_id),
        (ctx.session(), ctx.meta().request_id)
    );
    assert_eq!(entry.source_address.as_deref(), Some("192.0.2.7"));
    assert_eq!(entry.counter, Some(0));
    assert!(entry.seal.is_some() && entry.purpose.is_none());
    let round = log.worker(&test.db()).round().await.unwrap();
    assert_eq!(round.drained, 0);
}

#[tokio::test]
async fn a_refusal_that_reached_both_the_database_and_the_spool_is_there_once() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let directory = TempDir::new().unwrap();
    let log = spooling(&directory, &log_key());
    let id = log.record_refusal(&gone(), &ctx, denied("p")).await.unwrap();
    log.record_refusal(&gone(), &ctx, denied("p").id(id))
        .await
        .unwrap();
    log.record_refusal(&test.db(), &ctx, denied("p").id(id))
        .await
        .unwrap();

    let round = log.worker(&test.db()).round().await.unwrap();

    assert_eq!((round.drained, round.set_aside), (2, 0));
    assert_eq!(count(&test, &ctx).await, 1);
}

#[tokio::test]
async fn without_a_spool_whoever_is_refused_hears_that_nothing_was_recorded() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let log = AuditLog::new(Sources::system());

    let refused = log.record_refusal(&gone(), &ctx, denied("p")).await;

    assert!(
        matches!(&refused, Err(AuditError::Db(db)) if db.is_unavailable()),
        "{refused:?}"
    );
    assert_eq!(log.counts().lost, 1);
}

#[tokio::test]
async fn a_refusal_that_is_not_valid_is_a_mistake_with_or_without_a_spool() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let directory = TempDir::new().unwrap();
    let key = log_key();

    let refused = spooling(&directory, &key)
        .record_refusal(&gone(), &ctx, denied(""))
        .await;

    assert!(matches!(refused, Err(AuditError::Invalid(_))));
    assert_eq!(state(&directory, &key).waiting, 0);
}

#[tokio::test]
async fn a_spool_that_is_full_is_an_error_until_it_is_emptied() {
    let test = shared().await;
    let ((_, ctx), (_, other)) = (context(&test).await, context(&test).await);
    let directory = TempDir::new().unwrap();
    let sources = Sources::system();
    let key = log_key();
    for bounds in [
        SpoolBounds {
            files_max: 2,
            bytes_max: u64::MAX,
        },
        SpoolBounds {
            files_max: u64::MAX,
            bytes_max: 1_600,
        },
    ] {
        let spool = Spool::open_bounded(directory.path().join("spool"), &key, &sources, bounds).unwrap();
        let log = AuditLog::new(sources.clone()).spool(spool.clone());
        for ctx in [&ctx, &other] {
            log.record_refusal(&gone(), ctx, denied("p")).await.unwrap();
        }

        let refused = log.record_refusal(&gone(), &ctx, denied("p")).await;

        assert!(
            matches!(&refused, Err(AuditError::Spool { spool: SpoolError::Full, db }) if db.is_unavailable()),
            "{refused:?}"
        );
        assert_eq!(log.counts().lost, 1);
        assert_eq!(spool.state().unwrap().waiting, 2);
        assert!(spool.state().unwrap().bytes <= 1_600);
        log.worker(&test.db()).round().await.unwrap();
        assert_eq!(spool.state().unwrap(), SpoolState::default());
    }
    assert_eq!((count(&test, &ctx).await, count(&test, &other).await), (2, 2));
}

#[tokio::test]
async fn a_tenant_fills_no_more_of_the_spool_than_it_leaves_to_the_others() {
    let test = shared().await;
    let ((_, noisy), (_, second), (_, quiet)) =
        (context(&test).await, context(&test).await, context(&test).await);
    let sources = Sources::system();
    for (files_max, bytes_max) in [(12, u64::MAX), (u64::MAX, 12 * 1_000)] {
        let directory = TempDir::new().unwrap();
        let bounds = SpoolBounds { files_max, bytes_max };
        let key = log_key();
        let spool = Spool::open_bounded(directory.path().join("spool"), &key, &sources, bounds).unwrap();
        let log = AuditLog::new(sources.clone()).spool(spool.clone());
        for ctx in [&noisy, &second] {
            let refused = loop {
                if let Err(error) = log.record_refusal(&gone(), ctx, denied("p")).await {
                    break error;
                }
            };
            assert!(
                matches!(
                    &refused,
                    AuditError::Spool {
                        spool: SpoolError::TenantFull,
                        ..
                    }
                ),
                "{refused:?}"
            );
        }

        log.record_refusal(&gone(), &quiet, denied("p")).await.unwrap();

        // Whoever opens the directory anew knows how much is whose.
        let reopened = Spool::open_bounded(directory.path().join("spool"), &key, &sources, bounds).unwrap();
        let refused = AuditLog::new(sources.clone())
            .spool(reopened)
            .record_refusal(&gone(), &noisy, denied("p"))
            .await;
        assert!(refused.is_err());
        assert!(spool.state().unwrap().waiting >= 9);
    }
}

#[tokio::test]
async fn a_spool_that_cannot_be_written_is_an_error() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let directory = TempDir::new().unwrap();
    let log = spooling(&directory, &log_key());
    std::fs::remove_dir_all(directory.path().join("spool")).unwrap();

    let refused = log.record_refusal(&gone(), &ctx, denied("p")).await;

    assert!(
        matches!(
            &refused,
            Err(AuditError::Spool {
                spool: SpoolError::File { .. },
                ..
            })
        ),
        "{refused:?}"
    );
    assert!(log.worker(&test.db()).round().await.is_err());
}

#[tokio::test]
async fn a_refusal_whose_caller_went_away_is_recorded_all_the_same() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let directory = TempDir::new().unwrap();
    let key = log_key();
    let log = spooling(&directory, &key);
    for db in [test.db(), gone()] {
        let mut recording = std::pin::pin!(log.record_refusal(&db, &ctx, denied("p")));
        assert!(futures::poll!(&mut recording).is_pending());
    }

    // Waits for what is under way.
    log.worker(&gone()).farewell().await;

    assert_eq!(count(&test, &ctx).await, 1);
    assert_eq!(state(&directory, &key).waiting, 1);
}

#[tokio::test]
async fn what_a_deadline_leaves_no_time_for_waits_in_the_spool() {
    let test = shared().await;
    let tenant = test.tenant().await;
    let directory = TempDir::new().unwrap();
    let log = spooling(&directory, &log_key());
    let meta = RequestMeta {
        deadline: Some(test.sources().now()),
        ..RequestMeta::internal(test.sources())
    };
    let ctx = RequestContext::anonymous(tenant, meta);
    let busy = test.connect_with(1).await;
    let held = busy.begin(&test.context(tenant)).await.unwrap();

    log.record_refusal(&busy, &ctx, denied("p")).await.unwrap();
    drop(held);

    assert_eq!(log.counts().spooled, 1);
}

#[tokio::test]
async fn the_oldest_refusal_comes_first() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let directory = TempDir::new().unwrap();
    let key = log_key();
    let (clock, sources) = crate::support::sources_at(Sources::system().now());
    let spool = Spool::open(directory.path().join("spool"), &key, &sources).unwrap();
    let log = AuditLog::new(sources).sealed_by(&key).spool(spool);
    let mut ids = Vec::new();
    for _ in 0..12 {
        ids.push(log.record_refusal(&gone(), &ctx, denied("p")).await.unwrap());
        clock.advance(std::time::Duration::from_millis(1));
    }

    let round = log.worker(&test.db()).round().await.unwrap();

    assert_eq!(round.drained, 12);
    let rows = stored(&test, &ctx).await;
    let drained: Vec<_> = rows.iter().take(12).map(|row| row.entry.id).collect();
    assert_eq!(drained, ids);
}
