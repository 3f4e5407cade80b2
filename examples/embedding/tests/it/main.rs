//! The service in this process, with a database for tests; and whether the documents are true.
#![expect(clippy::unwrap_used, reason = "tests")]

mod documents;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use embedding::{ALL_MIGRATIONS, service};
use http_body_util::BodyExt;
use platform_audit::{AuditLog, EventPage};
use platform_core::TenantId;
use platform_core::http::HttpConfig;
use platform_core::pg::{AllowList, Tenants};
use platform_core::testing::{TestDb, assert_tables_isolated};
use serde_json::{Value, json};
use tower::ServiceExt;

struct App {
    test: TestDb,
    router: Router,
}

impl App {
    async fn new() -> Self {
        let test = TestDb::shared(&ALL_MIGRATIONS).await;
        let keyring = platform_crypto::testing::keyring(&test.db()).await;
        let router = service(&test.db(), &keyring, HttpConfig::default())
            .unwrap()
            .router();
        Self { test, router }
    }

    /// A tenant and the token of a user who has registered there.
    async fn user(&self) -> (TenantId, String) {
        let tenant = self.test.tenant().await;
        let slug = Tenants::new(&self.test.db())
            .by_id(tenant)
            .await
            .unwrap()
            .unwrap()
            .slug;
        let request = Request::post("/api/v1/auth/register").header("x-tenant", slug.as_str());
        let body = json!({ "email": "ada@example.com", "password": "correct horse battery" });
        let (status, answer) = self.send(request, body).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        (tenant, answer["token"].as_str().unwrap().to_owned())
    }

    async fn post(&self, token: &str, body: Value) -> (StatusCode, Value) {
        let request = Request::post("/api/v1/parcels").header("authorization", format!("Bearer {token}"));
        self.send(request, body).await
    }

    async fn get(&self, token: &str, path: &str) -> (StatusCode, Value) {
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        self.send(request, Value::Null).await
    }

    async fn send(&self, request: axum::http::request::Builder, body: Value) -> (StatusCode, Value) {
        let request = request
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }
}

fn parcel() -> Value {
    json!({ "recipient": "Grace Hopper", "weight_grams": 1200 })
}

#[tokio::test]
async fn a_parcel_is_seen_by_its_own_tenant_alone() {
    let app = App::new().await;
    let (_, ours) = app.user().await;
    let (_, theirs) = app.user().await;

    let (status, sent) = app.post(&ours, parcel()).await;

    assert_eq!(status, StatusCode::CREATED, "{sent}");
    let path = format!("/api/v1/parcels/{}", sent["id"].as_str().unwrap());
    assert_eq!(app.get(&ours, &path).await, (StatusCode::OK, sent));
    let (status, problem) = app.get(&theirs, &path).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::NOT_FOUND, &json!("not_found"))
    );
    assert_eq!(app.get(&theirs, "/api/v1/parcels").await.1["data"], json!([]));
}

#[tokio::test]
async fn sending_leaves_an_audit_event_of_who_sent_what() {
    let app = App::new().await;
    let (tenant, token) = app.user().await;
    let (_, sent) = app.post(&token, parcel()).await;
    let db = app.test.db();

    let mut read = db.read(&app.test.context(tenant)).await.unwrap();
    let events = AuditLog::new(db.sources().clone())
        .events_for_target(
            &mut read,
            "parcel",
            sent["id"].as_str().unwrap(),
            EventPage::newest(10),
        )
        .await
        .unwrap();

    assert_eq!(events.len(), 1);
    assert_eq!(events[0].action, "parcel.send");
    assert_eq!(events[0].actor_kind, "user");
}

#[tokio::test]
async fn a_parcel_out_of_bounds_is_refused_and_nobody_sends_without_signing_in() {
    let app = App::new().await;
    let (_, token) = app.user().await;

    let (status, problem) = app
        .post(&token, json!({ "recipient": "x", "weight_grams": 0 }))
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["code"], "invalid_parcel");

    let (status, _) = app.send(Request::post("/api/v1/parcels"), parcel()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn pages_follow_one_another() {
    let app = App::new().await;
    let (_, token) = app.user().await;
    for _ in 0..3 {
        app.post(&token, parcel()).await;
    }

    let (_, first) = app.get(&token, "/api/v1/parcels?limit=2").await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let (_, second) = app
        .get(&token, &format!("/api/v1/parcels?limit=2&cursor={cursor}"))
        .await;

    assert_eq!(first["data"].as_array().unwrap().len(), 2);
    assert_eq!(second["data"].as_array().unwrap().len(), 1);
    assert_eq!(second["next_cursor"], Value::Null);
}

#[tokio::test]
async fn the_tables_keep_tenants_apart() {
    let app = App::new().await;
    let (ours, _) = app.user().await;
    let (theirs, token) = app.user().await;
    app.post(&token, parcel()).await;

    let allow = AllowList::core()
        .with(platform_crypto::ROOT_KEY_TABLE)
        .with_all(platform_audit::AUDIT_TABLES);
    let report = app.test.db().self_check(&allow).await.unwrap();
    let tables = assert_tables_isolated(&app.test.db(), ours, theirs).await;

    assert!(report.passes(), "{report}");
    assert!(tables.tried.contains(&"parcels.parcel".to_owned()), "{tables:?}");
}
