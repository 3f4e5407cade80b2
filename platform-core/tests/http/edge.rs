//! Ids, traces, panics, the log and the metrics.

use axum::Router;
use axum::http::{Method, StatusCode};
use axum::routing::get;
use futures::FutureExt;
use platform_core::http::{Caller, HttpConfig, HttpStack, Meta};
use platform_core::metrics::Metrics;
use platform_core::{Random, Sources, SystemClock};
use proptest::prelude::*;
use tower::ServiceExt;

use crate::support::{self, App, Log, app, get as request};

const ID: &str = "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[expect(clippy::panic, reason = "one of the handlers panics")]
fn service() -> App {
    let meta = async |Meta(meta): Meta| format!("{} {}", meta.request_id, meta.trace.trace_id());
    let details = async |Meta(meta): Meta| format!("{:?} {:?}", meta.deadline, meta.user_agent);
    let panic = async || -> () { panic!("the password is hunter2") };
    let me = async |Caller(ctx): Caller| ctx.tenant().to_string();
    let routes = Router::new()
        .route("/meta", get(meta))
        .route("/details", get(details))
        .route("/panic", get(panic))
        .route("/me/{any}", get(me))
        .route("/never", get(async || std::future::pending::<()>().await));
    app(HttpConfig::default(), routes)
}

#[tokio::test]
async fn a_client_s_request_id_is_kept_and_echoed() {
    let answer = service().send(request("/meta", &[("x-request-id", ID)])).await;

    assert_eq!(answer.header("x-request-id"), Some(ID));
    assert!(answer.text().starts_with(ID));
}

#[tokio::test]
async fn a_request_id_that_is_no_uuid_is_replaced() {
    for junk in [
        "",
        "1",
        "018f2b6e7c1a7d3e9b1a2f4e6d8c0a12",
        "<script>",
        &"a".repeat(36),
    ] {
        let answer = service().send(request("/meta", &[("x-request-id", junk)])).await;
        let id = answer.header("x-request-id").unwrap();
        assert_ne!(id, junk);
        assert_eq!(id.parse::<uuid::Uuid>().unwrap().get_version_num(), 7);
    }
}

#[tokio::test]
async fn a_trace_goes_on_with_a_span_of_its_own() {
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");

    let answer = service()
        .send(request("/meta", &[("traceparent", &parent)]))
        .await;

    let child = answer.header("traceparent").unwrap();
    assert!(child.starts_with(&format!("00-{TRACE}-")));
    assert_ne!(child, parent);
    assert!(answer.text().ends_with(TRACE));
}

#[tokio::test]
async fn a_trace_begins_where_there_is_none_or_more_than_one() {
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let twice = [("traceparent", parent.as_str()), ("traceparent", parent.as_str())];

    for headers in [&[][..], &[("traceparent", "00-0-0-0")], &twice] {
        let answer = service().send(request("/meta", headers)).await;
        assert!(!answer.header("traceparent").unwrap().contains(TRACE));
    }
}

#[tokio::test]
async fn the_handler_knows_the_deadline_and_the_client() {
    let agent = "x".repeat(300);

    let answer = service()
        .send(request("/details", &[("user-agent", &agent)]))
        .await;

    let shortened = "x".repeat(256);
    assert_eq!(
        answer.text(),
        format!("Some(2026-01-02 3:04:15.0 +00:00:00) Some({shortened:?})")
    );
}

#[tokio::test]
async fn a_panic_is_a_500_that_tells_nothing_and_is_logged_with_the_request_s_id() {
    let log = Log::capture();
    let service = service();

    let answer = service.send(request("/panic", &[("x-request-id", ID)])).await;

    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.code(), "internal");
    assert!(!answer.text().contains("hunter2"));
    let lines = log.lines();
    let panic = lines.iter().find(|line| line["level"] == "ERROR").unwrap();
    assert_eq!(panic["fields"]["panic.message"], "the password is hunter2");
    assert_eq!(panic["span"]["request.id"], ID);
    let series = r#"http_requests_total{method="GET",route="/panic",status="500"}"#;
    assert_eq!(service.metric(series).as_deref(), Some("1"));
}

#[derive(Debug)]
struct Exhausted;

impl Random for Exhausted {
    #[expect(clippy::panic, reason = "this is what it is for")]
    fn fill(&self, _: &mut [u8]) {
        panic!("the operating system has no randomness")
    }
}

#[tokio::test]
async fn a_panic_before_the_request_has_an_id_is_an_answer_too() {
    let sources = Sources::new(SystemClock, Exhausted);
    let stack = HttpStack::new(HttpConfig::default(), sources, &Metrics::new());

    let answer = stack
        .wrap(Router::new())
        .oneshot(request("/", &[]))
        .await
        .unwrap();

    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn two_routers_share_the_limits_and_the_metrics_of_one_stack() {
    let metrics = Metrics::new();
    let stack = HttpStack::new(HttpConfig::default(), support::sources(), &metrics);
    let routes = || Router::new().route("/", get(async || "here"));
    let (public, internal) = (stack.wrap(routes()), stack.wrap(routes()));

    public.oneshot(request("/", &[])).await.unwrap();
    internal.oneshot(request("/", &[])).await.unwrap();

    let series = r#"http_requests_total{method="GET",route="/",status="200"} 2"#;
    assert!(metrics.encode().contains(series));
}

#[tokio::test]
async fn a_request_leaves_one_line_in_the_log() {
    let log = Log::capture();
    let headers = [("x-request-id", ID), ("authorization", "Bearer alice")];

    service().send(request("/me/7f3a?q=needle", &headers)).await;

    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = &lines[0];
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["fields"]["message"], "answered 200 to GET /me/{any}");
    assert_eq!(line["fields"]["http.status"], 200);
    assert!(line["fields"]["duration_ms"].is_u64());
    assert_eq!(line["span"]["request.id"], ID);
    assert_eq!(line["span"]["trace.id"].as_str().unwrap().len(), 32);
    assert_eq!(line["span"]["tenant.id"], crate::support::TENANT);
    assert_eq!(line["span"]["http.method"], "GET");
    assert_eq!(line["span"]["http.route"], "/me/{any}");
}

#[tokio::test]
async fn credentials_paths_and_queries_stay_out_of_the_log() {
    let log = Log::capture();
    let headers = [
        ("authorization", "Bearer s3cret"),
        ("cookie", "session=s3cret"),
        ("x-api-key", "s3cret"),
    ];

    service().send(request("/me/s3cret?token=s3cret", &headers)).await;
    service().send(request("/s3cret?token=s3cret", &headers)).await;

    assert!(!log.text().is_empty());
    assert!(!log.text().contains("s3cret"), "{}", log.text());
}

#[tokio::test]
async fn requests_are_counted_by_route_template() {
    let service = service();

    service
        .send(request("/me/1", &[("authorization", "Bearer alice")]))
        .await;
    service
        .send(request("/me/2", &[("authorization", "Bearer alice")]))
        .await;
    service.get("/me/3").await;

    let route = r#"method="GET",route="/me/{any}""#;
    let total = |status| format!("http_requests_total{{{route},status=\"{status}\"}}");
    assert_eq!(service.metric(&total(200)).as_deref(), Some("2"));
    assert_eq!(service.metric(&total(401)).as_deref(), Some("1"));
    let count = format!("http_request_duration_seconds_count{{{route}}}");
    assert_eq!(service.metric(&count).as_deref(), Some("3"));
    assert_eq!(service.metric("http_requests_in_flight").as_deref(), Some("0"));
}

#[tokio::test]
async fn unknown_paths_and_methods_share_one_label() {
    let service = service();

    for word in ["BREW", "STEEP"] {
        let mut brew = request(&format!("/{word}"), &[]);
        *brew.method_mut() = Method::from_bytes(word.as_bytes()).unwrap();
        service.send(brew).await;
    }

    let series = r#"http_requests_total{method="other",route="unmatched",status="404"}"#;
    assert_eq!(service.metric(series).as_deref(), Some("2"));
}

#[tokio::test]
async fn a_client_that_goes_away_is_counted_and_logged() {
    let log = Log::capture();
    let service = service();
    let mut answer = Box::pin(service.router.clone().oneshot(request("/never", &[])));
    assert!((&mut answer).now_or_never().is_none());
    assert_eq!(service.metric("http_requests_in_flight").as_deref(), Some("1"));

    drop(answer);

    let series = r#"http_requests_dropped_total{method="GET",route="/never"}"#;
    assert_eq!(service.metric(series).as_deref(), Some("1"));
    assert_eq!(service.metric("http_requests_in_flight").as_deref(), Some("0"));
    assert_eq!(log.lines().len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_stands_in_the_headers_is_answered(
        name in prop::sample::select(vec!["x-request-id", "traceparent", "x-forwarded-for", "host", "user-agent"]),
        value in "[ -~\u{e9}]{0,80}",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();

        let answer = runtime.block_on(service().send(request("/meta", &[(name, &value)])));

        prop_assert_eq!(answer.status, StatusCode::OK);
        prop_assert!(answer.header("x-request-id").unwrap().parse::<uuid::Uuid>().is_ok());
    }
}
