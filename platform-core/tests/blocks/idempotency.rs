//! Idempotency keys.

mod answers;
mod retention;

use std::time::Duration;

use platform_core::axum::http::{StatusCode, header};
use platform_core::axum::response::IntoResponse as _;
use platform_core::http::Problem;
use platform_core::idempotency::{
    AnonymousCaller, Claim, ClaimError, Claimed, CompleteError, Fingerprint, IdempotencyConfig,
    IdempotencyKeys, KeyScope, StoredResponse,
};
use platform_core::pg::{Db, DbError, TenantTx};
use platform_core::sqlx;
use platform_core::testing::{TestDb, assert_tables_isolated};
use platform_core::{
    IdempotencyKey, PermissionSet, Principal, PrincipalId, RequestContext, RequestMeta, Sources, TenantId,
};
use tokio::task::JoinSet;

use crate::support::shared;

const ROUTE: &str = "append";

/// A service that appends to a journal, once for each key.
#[derive(Clone)]
struct Service {
    db: Db,
    keys: IdempotencyKeys,
    ctx: RequestContext,
}

/// What the service answered, and whether it did so before.
#[derive(Debug, Clone, PartialEq)]
struct Answered {
    answer: StoredResponse,
    again: bool,
}

impl Service {
    async fn up(test: &TestDb) -> Self {
        Self::with(test, IdempotencyConfig::default()).await
    }

    async fn with(test: &TestDb, config: IdempotencyConfig) -> Self {
        let tenant = test.tenant().await;
        let db = test.db();
        Self {
            keys: IdempotencyKeys::new(&db, config).unwrap(),
            db,
            ctx: user(tenant),
        }
    }

    fn of(&self, ctx: RequestContext) -> Self {
        Self { ctx, ..self.clone() }
    }

    fn scope(&self) -> KeyScope {
        KeyScope::of(&self.ctx, ROUTE).unwrap()
    }

    async fn begin(&self) -> TenantTx {
        self.db.begin(&self.ctx).await.unwrap()
    }

    async fn claim(&self, tx: &mut TenantTx, name: &str, asked: &str) -> Result<Claim, ClaimError> {
        let asked = Fingerprint::of(&[asked.as_bytes()]);
        self.keys.claim_in(tx, &self.scope(), &key(name), &asked).await
    }

    async fn append(&self, name: &str, asked: &str) -> Result<Answered, ClaimError> {
        let mut tx = self.db.begin(&self.ctx).await?;
        let claimed = match self.claim(&mut tx, name, asked).await? {
            Claim::Replay(answer) => {
                return Ok(Answered { answer, again: true });
            }
            Claim::New(claimed) => claimed,
        };
        let place: i64 = sqlx::query_scalar(
            "insert into blocks.journal (tenant_id, place, token, holder)
             select $1, coalesce(max(place), 0) + 1, 0, $2 from blocks.journal where tenant_id = $1
             returning place",
        )
        .bind(tx.tenant())
        .bind(asked)
        .fetch_one(&mut tx)
        .await
        .map_err(DbError::from)?;
        let answer = StoredResponse::json(201, &place).unwrap();
        self.keys.complete_in(&mut tx, claimed, &answer).await.unwrap();
        tx.commit().await?;
        Ok(Answered { answer, again: false })
    }

    async fn count(&self, sql: &'static str) -> i64 {
        let mut read = self.db.read(&self.ctx).await.unwrap();
        let count = sqlx::query_scalar(sql).fetch_one(&mut read).await.unwrap();
        read.finish().await.unwrap();
        count
    }

    async fn appended(&self) -> i64 {
        self.count("select count(*) from blocks.journal").await
    }

    async fn remembered(&self) -> i64 {
        self.count("select count(*) from platform_core.idempotency_key")
            .await
    }
}

fn key(name: &str) -> IdempotencyKey {
    IdempotencyKey::parse(name).unwrap()
}

fn user(tenant: TenantId) -> RequestContext {
    let sources = Sources::system();
    let principal = Principal::user(PrincipalId::generate(&sources), PermissionSet::default());
    RequestContext::authenticated(tenant, principal, RequestMeta::internal(&sources))
}

#[tokio::test]
async fn the_same_request_is_answered_alike_and_done_once() {
    let service = Service::up(&shared().await).await;

    let first = service.append("k", "a").await.unwrap();
    let second = service.append("k", "a").await.unwrap();

    assert!(!first.again);
    assert!(second.again);
    assert_eq!(first.answer, second.answer);
    assert_eq!(first.answer.content_type(), Some("application/json"));
    assert_eq!(service.appended().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_requests_at_once_one_is_done_and_all_are_answered_alike() {
    let test = shared().await;
    let patient = IdempotencyConfig {
        wait_max: Duration::from_secs(30),
        ..IdempotencyConfig::default()
    };
    let mut service = Service::with(&test, patient).await;
    service.db = test.connect_with(32).await;
    let mut requests = JoinSet::new();
    for _ in 0..32 {
        let service = service.clone();
        requests.spawn(async move { service.append("k", "a").await });
    }

    let mut answers = Vec::new();
    while let Some(answered) = requests.join_next().await {
        answers.push(answered.unwrap().unwrap());
    }

    assert_eq!(answers.iter().filter(|answered| !answered.again).count(), 1);
    assert!(
        answers
            .iter()
            .all(|answered| answered.answer == answers[0].answer)
    );
    assert_eq!((service.appended().await, service.remembered().await), (1, 1));
}

#[tokio::test]
async fn another_request_under_the_same_key_is_refused_and_changes_nothing() {
    let service = Service::up(&shared().await).await;
    service.append("k", "a").await.unwrap();

    let refused = service.append("k", "b").await.unwrap_err();

    assert!(matches!(refused, ClaimError::KeyReused), "{refused:?}");
    assert_eq!(service.appended().await, 1);
    let problem = Problem::from(refused);
    let (status, code) = (problem.status(), problem.code());
    assert_eq!(
        (status, code),
        (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused")
    );
    // The transaction that asked goes on.
    let mut tx = service.begin().await;
    service.claim(&mut tx, "k", "b").await.unwrap_err();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn what_is_under_way_is_waited_for_no_longer_than_configured() {
    let hurried = IdempotencyConfig {
        wait_max: Duration::from_millis(20),
        ..IdempotencyConfig::default()
    };
    let service = Service::with(&shared().await, hurried).await;
    let mut under_way = service.begin().await;
    let claimed = service.claim(&mut under_way, "k", "a").await.unwrap();
    assert!(matches!(claimed, Claim::New(_)));

    let refused = service.append("k", "a").await.unwrap_err();
    let other = service.append("other", "a").await.unwrap();

    assert!(matches!(refused, ClaimError::InFlight { .. }), "{refused:?}");
    assert!(!other.again);
    let problem = Problem::from(refused);
    assert_eq!(
        (problem.status(), problem.code()),
        (StatusCode::CONFLICT, "idempotency_in_flight")
    );
    assert_eq!(problem.into_response().headers()[header::RETRY_AFTER], "1");
}

#[tokio::test]
async fn a_request_waits_no_longer_than_it_has_time() {
    let patient = IdempotencyConfig {
        wait_max: Duration::from_secs(60),
        ..IdempotencyConfig::default()
    };
    let service = Service::with(&shared().await, patient).await;
    let mut under_way = service.begin().await;
    let claimed = service.claim(&mut under_way, "k", "a").await.unwrap();
    let sources = Sources::system();
    let meta = RequestMeta {
        deadline: Some(sources.now() + Duration::from_millis(200)),
        ..RequestMeta::internal(&sources)
    };

    let hurried = service.of(service.ctx.clone().in_request(meta));
    let refused = hurried.append("k", "a").await.unwrap_err();

    assert!(matches!(refused, ClaimError::InFlight { .. }), "{refused:?}");
    drop((claimed, under_way));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_gets_the_answer_of_the_first_or_does_it_instead() {
    let test = shared().await;
    let patient = IdempotencyConfig {
        wait_max: Duration::from_secs(30),
        ..IdempotencyConfig::default()
    };
    let service = Service::with(&test, patient).await;
    for first_succeeds in [true, false] {
        let name = format!("k-{first_succeeds}");
        let mut first = service.begin().await;
        let Claim::New(claimed) = service.claim(&mut first, &name, "a").await.unwrap() else {
            panic!("nobody has claimed it");
        };
        let waiting = tokio::spawn({
            let (service, name) = (service.clone(), name.clone());
            async move { service.append(&name, "a").await }
        });
        let answer = StoredResponse::json(201, &"the first").unwrap();
        service
            .keys
            .complete_in(&mut first, claimed, &answer)
            .await
            .unwrap();

        match first_succeeds {
            true => first.commit().await.unwrap(),
            false => first.rollback().await.unwrap(),
        }
        let answered = waiting.await.unwrap().unwrap();

        assert_eq!(answered.again, first_succeeds);
        assert_eq!(answered.answer == answer, first_succeeds);
    }
    assert_eq!(service.appended().await, 1);
}

#[tokio::test]
async fn a_process_that_dies_in_between_leaves_nothing() {
    let test = shared().await;
    let service = Service::up(&test).await;
    let mut tx = service.begin().await;
    let claimed = service.claim(&mut tx, "k", "a").await.unwrap();
    // Its connections die with it.
    drop((claimed, tx));
    service.db.close().await;

    let next = Service {
        db: test.connect_with(2).await,
        ..service
    };
    let answered = next.append("k", "b").await.unwrap();

    assert!(!answered.again);
    assert_eq!((next.appended().await, next.remembered().await), (1, 1));
}

#[tokio::test]
async fn a_claim_without_an_answer_cannot_be_committed() {
    let service = Service::up(&shared().await).await;
    let mut tx = service.begin().await;
    let claimed = service.claim(&mut tx, "k", "a").await.unwrap();

    let refused = tx.commit().await;

    drop(claimed);
    assert!(matches!(refused, Err(DbError::Query(_))), "{refused:?}");
    assert_eq!(service.remembered().await, 0);
}

#[tokio::test]
async fn an_answer_that_is_too_long_undoes_the_request() {
    let short = IdempotencyConfig {
        body_bytes_max: 4,
        ..IdempotencyConfig::default()
    };
    let service = Service::with(&shared().await, short).await;
    let mut tx = service.begin().await;
    let Claim::New(claimed) = service.claim(&mut tx, "k", "a").await.unwrap() else {
        panic!("nobody has claimed it");
    };
    let long = StoredResponse::new(200, None, vec![0; 5]).unwrap();

    let refused = service.keys.complete_in(&mut tx, claimed, &long).await;
    let committed = tx.commit().await;

    assert!(
        matches!(
            refused,
            Err(CompleteError::TooLarge {
                bytes: 5,
                bytes_max: 4
            })
        ),
        "{refused:?}"
    );
    assert!(matches!(committed, Err(DbError::Aborted)), "{committed:?}");
}

#[tokio::test]
async fn a_claim_is_answered_in_its_own_transaction_only() {
    let service = Service::up(&shared().await).await;
    let mut first = service.begin().await;
    let Claim::New(claimed) = service.claim(&mut first, "k", "a").await.unwrap() else {
        panic!("nobody has claimed it");
    };
    first.rollback().await.unwrap();
    let answer = StoredResponse::json(201, &1).unwrap();
    let mut second = service.begin().await;

    let refused = service.keys.complete_in(&mut second, claimed, &answer).await;

    assert!(matches!(refused, Err(CompleteError::NotClaimed)), "{refused:?}");
    assert!(matches!(second.commit().await, Err(DbError::Aborted)));
}

/// The scopes of which each has keys of its own.
async fn scopes(test: &TestDb) -> Vec<(RequestContext, &'static str)> {
    let (tenant, other) = (test.tenant().await, test.tenant().await);
    let one = user(tenant);
    let delegate = one.clone().on_behalf_of(user(tenant).principal().clone());
    let theirs = RequestContext::authenticated(
        other,
        one.principal().clone(),
        RequestMeta::internal(test.sources()),
    );
    vec![
        (one.clone(), "append"),
        (one, "prepend"),
        (user(tenant), "append"),
        (delegate, "append"),
        (theirs, "append"),
        (
            RequestContext::system(tenant, "nightly", test.sources()),
            "append",
        ),
        (RequestContext::system(tenant, "hourly", test.sources()), "append"),
    ]
}

#[tokio::test]
async fn principals_routes_and_tenants_have_keys_of_their_own() {
    let test = shared().await;
    let service = Service::up(&test).await;
    let mut answers = Vec::new();
    for (number, (ctx, route)) in scopes(&test).await.into_iter().enumerate() {
        let mut tx = service.db.begin(&ctx).await.unwrap();
        let scope = KeyScope::of(&ctx, route).unwrap();
        let asked = Fingerprint::of(&[b"a"]);
        let claimed = service.keys.claim_in(&mut tx, &scope, &key("k"), &asked).await;
        let Claim::New(claimed) = claimed.unwrap() else {
            panic!("scope {number} was given the answer of another");
        };
        let answer = StoredResponse::json(200, &number).unwrap();
        complete(&service, tx, claimed, &answer).await;
        answers.push((ctx, scope, answer));
    }

    for (ctx, scope, answer) in answers {
        let mut tx = service.db.begin(&ctx).await.unwrap();
        let asked = Fingerprint::of(&[b"a"]);
        let again = service.keys.claim_in(&mut tx, &scope, &key("k"), &asked).await;
        assert!(matches!(again, Ok(Claim::Replay(known)) if known == answer));
    }
}

async fn complete(service: &Service, mut tx: TenantTx, claimed: Claimed, answer: &StoredResponse) {
    service.keys.complete_in(&mut tx, claimed, answer).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn strangers_have_no_keys() {
    let sources = Sources::system();
    let meta = RequestMeta::internal(&sources);
    let stranger = RequestContext::anonymous(TenantId::generate(&sources), meta);

    assert_eq!(KeyScope::of(&stranger, ROUTE), Err(AnonymousCaller));
}

#[tokio::test]
async fn the_answers_of_a_tenant_are_out_of_anothers_reach() {
    let test = shared().await;
    let (ours, theirs) = (Service::up(&test).await, Service::up(&test).await);
    for service in [&ours, &theirs] {
        service.append("k", "a").await.unwrap();
    }

    let tables = assert_tables_isolated(&test.db(), ours.ctx.tenant(), theirs.ctx.tenant()).await;

    let table = "platform_core.idempotency_key".to_owned();
    assert!(tables.tried.contains(&table), "{tables:?}");
}
