//! Answers to idempotency keys are forgotten with an event, or not at all.

use std::time::Duration;

use platform_audit::AuditLog;
use platform_core::idempotency::{
    Claim, Fingerprint, Forgotten, IdempotencyConfig, IdempotencyKeys, KeyScope, RetentionLog, StoredResponse,
};
use platform_core::pg::{Db, DbError};
use platform_core::sqlx;
use platform_core::testing::TestDb;
use platform_core::time::macros::datetime;
use platform_core::{
    IdempotencyKey, PermissionSet, Principal, PrincipalId, RequestContext, RequestMeta, Sources, TenantId,
};

use crate::support::{own, sources_at};

/// Answers under so many keys of a user.
async fn answer(db: &Db, keys: &IdempotencyKeys, tenant: TenantId, count: usize) {
    let sources = db.sources();
    let user = Principal::user(PrincipalId::generate(sources), PermissionSet::default());
    let ctx = RequestContext::authenticated(tenant, user, RequestMeta::internal(sources));
    let scope = KeyScope::of(&ctx, "test").unwrap();
    for n in 0..count {
        let key = IdempotencyKey::parse(&format!("key-{n}")).unwrap();
        let mut tx = db.begin(&ctx).await.unwrap();
        let claim = keys.claim_in(&mut tx, &scope, &key, &Fingerprint::of(&[])).await;
        let Claim::New(claimed) = claim.unwrap() else {
            unreachable!("{key:?} is new");
        };
        let answer = StoredResponse::json(201, &["done"]).unwrap();
        keys.complete_in(&mut tx, claimed, &answer).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn answers_left(test: &TestDb, tenant: TenantId) -> i64 {
    let mut read = test.db().read(&test.context(tenant)).await.unwrap();
    sqlx::query_scalar("select count(*) from platform_core.idempotency_key where tenant_id = $1")
        .bind(tenant)
        .fetch_one(&mut read)
        .await
        .unwrap()
}

#[tokio::test]
async fn forgetting_answers_is_an_event_of_their_tenant_in_the_same_transaction() {
    let test = own().await;
    let (clock, sources) = sources_at(datetime!(2026-01-02 03:04:05 UTC));
    let db = test.connect_with_sources(sources.clone()).await;
    let few = IdempotencyConfig {
        forget_max: 2,
        ..IdempotencyConfig::default()
    };
    let keys = IdempotencyKeys::new(&db, few).unwrap();
    let (one, other) = (test.tenant().await, test.tenant().await);
    answer(&db, &keys, one, 3).await;
    answer(&db, &keys, other, 1).await;
    clock.advance(Duration::from_secs(8 * 86_400));

    let forgotten = keys.forget_old(&AuditLog::new(sources)).await.unwrap();

    assert_eq!(forgotten, 4);
    for (tenant, mut expected) in [(one, vec![1, 2]), (other, vec![1])] {
        let mut read = db.read(&test.context(tenant)).await.unwrap();
        let rows: Vec<(String, String)> =
            sqlx::query_as("select action, detail::text from platform_audit.event where tenant_id = $1")
                .bind(tenant)
                .fetch_all(&mut read)
                .await
                .unwrap();
        let mut told = Vec::new();
        for (action, detail) in &rows {
            assert_eq!(action, "idempotency.forget");
            let detail: serde_json::Value = serde_json::from_str(detail).unwrap();
            assert_eq!(detail["before"], "2026-01-03T03:04:05Z");
            told.push(detail["answers"].as_i64().unwrap());
        }
        told.sort_unstable();
        expected.sort_unstable();
        assert_eq!(told, expected);
        assert_eq!(answers_left(&test, tenant).await, 0);
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_recorded_keeps_the_answers() {
    let test = own().await;
    let (clock, sources) = sources_at(datetime!(2026-01-02 03:04:05 UTC));
    let db = test.connect_with_sources(sources.clone()).await;
    let keys = IdempotencyKeys::new(&db, IdempotencyConfig::default()).unwrap();
    let (one, other) = (test.tenant().await, test.tenant().await);
    answer(&db, &keys, one, 1).await;
    clock.advance(Duration::from_secs(8 * 86_400));
    // Of another tenant than the transaction's: the log does not take it.
    let ctx = test.context(other);
    let mut tx = db.begin(&test.context(one)).await.unwrap();
    let answers = keys.forget_in(&mut tx, sources.now()).await.unwrap();
    let forgotten = Forgotten {
        answers,
        before: sources.now(),
    };

    let log: &dyn RetentionLog = &AuditLog::new(Sources::system());
    let recorded = log.forgotten(&mut tx, &ctx, forgotten).await;

    assert!(matches!(recorded, Err(DbError::Query(_))), "{recorded:?}");
    drop(tx);
    assert_eq!(answers_left(&test, one).await, 1);
}
