use std::sync::Arc;

use platform_core::axum::body::{Body, to_bytes};
use platform_core::axum::http::{Request, StatusCode};
use platform_core::axum::{Router, routing::get};
use platform_core::runtime::{
    Check, HEALTH, METRICS, MetricsAccess, OpenApiRouter, Parts, Platform, PlatformBuilder,
};
use platform_core::{Permission, runtime::ShutdownConfig};
use serde_json::Value;
use tower::ServiceExt as _;
use utoipa_axum::routes;

use crate::support::{Everybody, Served, builder, get as get_over_tcp};

#[utoipa::path(get, path = "/api/v1/greeting", responses((status = 200, body = String)))]
async fn greeting() -> &'static str {
    "good day"
}

fn composed(permissions: Vec<Permission>) -> PlatformBuilder {
    let parts = Parts {
        routes: Some(OpenApiRouter::new().routes(routes!(greeting))),
        health: vec![
            Check::critical("database", || async { Ok(()) }),
            Check::soft("carrier", || async { Err("no answer".to_owned()) }),
        ],
        ..Parts::default()
    };
    builder()
        .parts(parts)
        .authenticate_with(Arc::new(Everybody(permissions)))
}

async fn answer(platform: &Platform, request: Request<Body>) -> (StatusCode, String) {
    let response = platform.router().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn anonymous(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

fn signed_in(path: &str) -> Request<Body> {
    let request = Request::get(path).header("authorization", "Bearer me");
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn modules_routes_extra_routes_and_the_document_are_served() {
    let docs = Router::new().route("/docs", get(async || "how to greet"));
    let platform = composed(Vec::new()).routes(docs).build().unwrap();

    let (_, page) = answer(&platform, anonymous("/docs")).await;
    let (_, body) = answer(&platform, anonymous("/api/v1/greeting")).await;
    let (status, document) = answer(&platform, anonymous("/openapi.json")).await;

    assert_eq!((page.as_str(), body.as_str()), ("how to greet", "good day"));
    assert_eq!(status, StatusCode::OK);
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["title"], "API");
    assert!(document["paths"]["/api/v1/greeting"]["get"].is_object());
}

#[tokio::test]
async fn health_shows_its_checks_only_to_those_who_may_see_them() {
    let platform = composed(vec![HEALTH]).build().unwrap();
    let others = composed(vec![METRICS]).build().unwrap();

    let (status, seen) = answer(&platform, signed_in("/health")).await;
    let (_, hidden) = answer(&platform, anonymous("/health")).await;
    let (_, also_hidden) = answer(&others, signed_in("/health")).await;

    assert_eq!(status, StatusCode::OK);
    let seen: Value = serde_json::from_str(&seen).unwrap();
    assert_eq!(seen["status"], "degraded");
    assert_eq!(seen["checks"][1]["name"], "carrier");
    assert_eq!(seen["checks"][1]["message"], "no answer");
    assert_eq!(hidden, r#"{"status":"degraded"}"#);
    assert_eq!(also_hidden, r#"{"status":"degraded"}"#);
}

#[tokio::test]
async fn metrics_need_a_permission_unless_they_are_public_or_off() {
    let guarded = composed(vec![METRICS]).build().unwrap();
    let others = composed(vec![HEALTH]).build().unwrap();
    let public = composed(Vec::new())
        .metrics_access(MetricsAccess::Public)
        .build()
        .unwrap();
    let off = composed(vec![METRICS])
        .metrics_access(MetricsAccess::Off)
        .build()
        .unwrap();

    assert_eq!(answer(&guarded, signed_in("/metrics")).await.0, StatusCode::OK);
    assert_eq!(
        answer(&guarded, anonymous("/metrics")).await.0,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        answer(&others, signed_in("/metrics")).await.0,
        StatusCode::FORBIDDEN
    );
    assert_eq!(answer(&public, anonymous("/metrics")).await.0, StatusCode::OK);
    assert_eq!(answer(&off, signed_in("/metrics")).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_instance_without_its_database_is_alive_and_not_ready() {
    let parts = Parts {
        health: vec![Check::critical("database", || async {
            Err("connection refused".to_owned())
        })],
        ..Parts::default()
    };
    let platform = builder().parts(parts).build().unwrap();
    let served = Served::start(platform, ShutdownConfig::default()).await;

    assert_eq!(
        get_over_tcp(served.address, "/livez").await,
        (200, "alive\n".to_owned())
    );
    let (status, body) = get_over_tcp(served.address, "/readyz").await;
    assert_eq!(
        (status, body.as_str()),
        (503, "not ready: a critical check fails\n")
    );
    assert_eq!(
        get_over_tcp(served.address, "/health").await,
        (503, r#"{"status":"down"}"#.to_owned())
    );
    assert_eq!(served.stop().await.code(), 0);
}

#[tokio::test]
async fn a_router_that_is_not_served_is_not_ready() {
    let platform = composed(Vec::new()).build().unwrap();

    let (status, body) = answer(&platform, anonymous("/readyz")).await;

    assert_eq!(
        (status, body.as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "not ready: starting\n")
    );
}
