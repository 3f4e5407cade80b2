//! CORS, security headers and compression.

use std::io::Read;

use axum::Router;
use axum::http::{Method, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use platform_core::http::{Caller, HttpConfig, Origin, RateLimit};

use crate::support::{App, app, get as request};

const ORIGIN: &str = "https://app.example.com";

fn open_to_one_origin() -> HttpConfig {
    HttpConfig {
        cors_origins: vec![ORIGIN.parse().unwrap()],
        ..HttpConfig::default()
    }
}

fn service(config: HttpConfig) -> App {
    let page = async || ([(header::CONTENT_SECURITY_POLICY, "default-src 'self'")], "page").into_response();
    let cached = async || ([(header::CACHE_CONTROL, "max-age=60")], "cached").into_response();
    let events = async || ([(header::CONTENT_TYPE, "text/event-stream")], "x".repeat(4_000)).into_response();
    let routes = Router::new()
        .route("/docs", get(page))
        .route("/api/v1/cached", get(cached))
        .route("/api/v1/large", get(async || "x".repeat(4_000)))
        .route("/api/v1/small", get(async || "x"))
        .route("/api/v1/events", get(events))
        .route("/api/v1/me", get(async |Caller(_): Caller| "me"));
    app(config, routes)
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let service = service(HttpConfig::default());

    for path in ["/api/v1/small", "/api/v1/me", "/nowhere"] {
        let answer = service.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let policy = answer.header("content-security-policy");
        assert_eq!(policy, Some("default-src 'none'; frame-ancestors 'none'"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert!(answer.header("permissions-policy").is_some());
        assert_eq!(answer.header("strict-transport-security"), None);
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    }
}

#[tokio::test]
async fn a_handler_may_set_its_own_policies() {
    let service = service(HttpConfig::default());

    let page = service.get("/docs").await;
    let cached = service.get("/api/v1/cached").await;

    assert_eq!(page.header("content-security-policy"), Some("default-src 'self'"));
    assert_eq!(page.header("cache-control"), None);
    assert_eq!(cached.header("cache-control"), Some("max-age=60"));
}

#[tokio::test]
async fn tls_is_demanded_where_it_is_configured() {
    let config = HttpConfig {
        hsts_max_age_s: Some(31_536_000),
        ..HttpConfig::default()
    };

    let answer = service(config).get("/api/v1/small").await;

    let expected = "max-age=31536000; includeSubDomains";
    assert_eq!(answer.header("strict-transport-security"), Some(expected));
}

#[tokio::test]
async fn a_listed_origin_may_read_answers_and_ask_before() {
    let service = service(open_to_one_origin());
    let mut preflight = request(
        "/api/v1/me",
        &[
            ("origin", ORIGIN),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,idempotency-key"),
        ],
    );
    *preflight.method_mut() = Method::OPTIONS;

    let preflight = service.send(preflight).await;
    let answer = service
        .send(request("/api/v1/small", &[("origin", ORIGIN)]))
        .await;

    assert_eq!(preflight.status, StatusCode::OK);
    assert_eq!(preflight.header("access-control-allow-origin"), Some(ORIGIN));
    assert!(
        preflight
            .header("access-control-allow-headers")
            .unwrap()
            .contains("idempotency-key")
    );
    assert_eq!(preflight.header("access-control-allow-credentials"), None);
    assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
    assert!(
        answer
            .header("access-control-expose-headers")
            .unwrap()
            .contains("x-request-id")
    );
}

#[tokio::test]
async fn no_other_origin_may_read_answers() {
    let foreign = request("/api/v1/small", &[("origin", "https://evil.example")]);
    let unlisted = request("/api/v1/small", &[("origin", ORIGIN)]);

    let foreign = service(open_to_one_origin()).send(foreign).await;
    let unlisted = service(HttpConfig::default()).send(unlisted).await;

    assert_eq!(foreign.header("access-control-allow-origin"), None);
    assert_eq!(unlisted.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_refusal_can_be_read_by_a_browser_and_is_counted() {
    let config = HttpConfig {
        rate_limit: Some(RateLimit {
            per_second: std::num::NonZeroU32::MIN,
            burst: std::num::NonZeroU32::new(2).unwrap(),
            ..RateLimit::default()
        }),
        ..open_to_one_origin()
    };
    let service = service(config);
    let without = || request("/api/v1/me", &[("origin", ORIGIN)]);
    let failed = || {
        request(
            "/api/v1/me",
            &[("origin", ORIGIN), ("authorization", "Bearer mallory")],
        )
    };

    let unauthenticated = service.send(without()).await;
    let failed = service.send(failed()).await;
    let rate_limited = service.send(without()).await;

    for (answer, status) in [(&unauthenticated, 401), (&rate_limited, 429), (&failed, 401)] {
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
        assert!(answer.header("x-content-type-options").is_some());
    }
    let total =
        |status| format!(r#"http_requests_total{{method="GET",route="/api/v1/me",status="{status}"}}"#);
    assert_eq!(service.metric(&total(401)).as_deref(), Some("2"));
    assert_eq!(service.metric(&total(429)).as_deref(), Some("1"));
}

#[test]
fn only_an_origin_as_a_browser_sends_it_can_be_listed() {
    for origin in [
        "https://app.example.com",
        "http://localhost:3000",
        "https://[::1]:8443",
    ] {
        assert!(origin.parse::<Origin>().is_ok(), "{origin}");
    }
    let refused = [
        "",
        "*",
        "null",
        "app.example.com",
        "https://app.example.com/",
        "https://App.example.com",
    ];
    for origin in refused
        .into_iter()
        .chain(["ftp://app.example.com", "https://me@app.example.com"])
    {
        assert!(origin.parse::<Origin>().is_err(), "{origin}");
    }
}

#[tokio::test]
async fn a_large_answer_is_compressed_for_a_client_that_can_read_it() {
    let service = service(HttpConfig::default());

    let compressed = service
        .send(request("/api/v1/large", &[("accept-encoding", "gzip")]))
        .await;
    let plain = service.get("/api/v1/large").await;

    assert_eq!(compressed.header("content-encoding"), Some("gzip"));
    assert!(compressed.body.len() < 1_000);
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*compressed.body)
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, plain.text());
    assert_eq!(plain.header("content-encoding"), None);
}

#[tokio::test]
async fn small_answers_problems_and_event_streams_are_not_compressed() {
    let service = service(HttpConfig {
        compress_bytes_min: 8,
        ..HttpConfig::default()
    });

    for path in ["/api/v1/small", "/nowhere", "/api/v1/events"] {
        let answer = service.send(request(path, &[("accept-encoding", "gzip")])).await;
        assert_eq!(answer.header("content-encoding"), None, "{path}");
    }
}
