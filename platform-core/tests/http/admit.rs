//! Authentication and idempotency keys.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use platform_core::http::{Caller, HttpConfig, Meta};

use crate::support::{App, app, get as request};

fn service() -> App {
    let who = async |caller: Option<Caller>| match caller {
        Some(Caller(ctx)) => ctx.tenant().to_string(),
        None => "nobody".to_owned(),
    };
    let key = async |Meta(meta): Meta| match meta.idempotency_key {
        Some(key) => key.as_str().to_owned(),
        None => "none".to_owned(),
    };
    let routes = Router::new()
        .route("/who", get(who))
        .route("/me", get(async |Caller(ctx): Caller| ctx.tenant().to_string()))
        .route("/key", get(key))
        .route("/livez", get(async || "alive"));
    app(HttpConfig::default(), routes)
}

#[tokio::test]
async fn a_good_credential_is_the_caller_s_context() {
    let answer = service()
        .send(request("/me", &[("authorization", "Bearer alice")]))
        .await;

    assert_eq!(answer.text(), crate::support::TENANT);
}

#[tokio::test]
async fn a_route_for_callers_refuses_a_request_without_a_credential() {
    let answer = service().get("/me").await;

    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.code(), "unauthenticated");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
}

#[tokio::test]
async fn a_bad_credential_is_refused_even_where_none_is_needed() {
    let service = service();

    let without = service.get("/who").await;
    let with_bad = service
        .send(request("/who", &[("authorization", "Bearer mallory")]))
        .await;

    assert_eq!(without.text(), "nobody");
    assert_eq!(with_bad.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_probe_is_not_asked_for_a_credential() {
    let answer = service()
        .send(request("/livez", &[("authorization", "Bearer mallory")]))
        .await;

    assert_eq!(answer.text(), "alive");
}

#[tokio::test]
async fn a_client_s_idempotency_key_reaches_the_handler_by_either_name() {
    for name in ["idempotency-key", "x-idempotency-key"] {
        assert_eq!(
            service().send(request("/key", &[(name, "order-7")])).await.text(),
            "order-7"
        );
    }
    let both = [("idempotency-key", "order-7"), ("x-idempotency-key", "order-7")];
    assert_eq!(service().send(request("/key", &both)).await.text(), "order-7");
    assert_eq!(service().get("/key").await.text(), "none");
}

#[tokio::test]
async fn a_malformed_or_ambiguous_idempotency_key_is_refused() {
    let long = "x".repeat(256);
    let malformed = [
        &[("idempotency-key", "")][..],
        &[("idempotency-key", "two words")],
        &[("idempotency-key", &long)],
        &[("idempotency-key", "a"), ("idempotency-key", "b")],
        &[("idempotency-key", "a"), ("x-idempotency-key", "b")],
    ];

    for headers in malformed {
        let answer = service().send(request("/key", headers)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{headers:?}");
        assert_eq!(answer.code(), "invalid_idempotency_key");
    }
}

#[tokio::test]
async fn who_asks_is_settled_before_the_idempotency_key_is_looked_at() {
    let headers = [
        ("authorization", "Bearer mallory"),
        ("idempotency-key", "two words"),
    ];

    let answer = service().send(request("/key", &headers)).await;

    assert_eq!(answer.code(), "unauthenticated");
}
