//! Size, time and number.

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use futures::{FutureExt, stream};
use platform_core::http::{HttpConfig, Json};
use tokio::sync::Notify;
use tower::ServiceExt;

use crate::support::{self, App, app};

fn echo(config: HttpConfig) -> App {
    let length = async |body: Bytes| body.len().to_string();
    let json = async |Json(_): Json<serde_json::Value>| "read";
    app(
        config,
        Router::new().route("/", post(length)).route("/json", post(json)),
    )
}

fn of_64_bytes() -> HttpConfig {
    HttpConfig {
        body_bytes_max: 64,
        ..HttpConfig::default()
    }
}

/// A body that does not say how long it is.
fn streamed(length: usize) -> Body {
    let part = || Ok::<_, std::io::Error>(Bytes::from_static(b" "));
    Body::from_stream(stream::iter(std::iter::repeat_with(part).take(length)))
}

#[tokio::test]
async fn a_body_of_the_largest_size_is_read() {
    let answer = echo(of_64_bytes()).post("/", &"x".repeat(64)).await;

    assert_eq!(answer.text(), "64");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_says_it_is_too_large_and_does_not_come_is_refused_and_hung_up_on() {
    let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let request = Request::post("/")
        .header("content-length", "65")
        .body(never)
        .unwrap();

    let answer = echo(of_64_bytes()).send(request).await;

    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.code(), "body_too_large");
    assert_eq!(answer.headers["connection"], "close");
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_taken_off_the_connection_before_it_is_refused() {
    let request = Request::post("/").header("content-length", "100000");

    let answer = echo(of_64_bytes())
        .send(request.body(streamed(100_000)).unwrap())
        .await;

    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(
        !answer.headers.contains_key("connection"),
        "the connection can be used again"
    );
}

#[tokio::test]
async fn a_client_that_asks_before_it_sends_too_much_is_refused_unread() {
    let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let request = Request::post("/")
        .header("content-length", "65")
        .header("expect", "100-continue")
        .body(never)
        .unwrap();

    let answer = echo(of_64_bytes()).send(request).now_or_never().unwrap();

    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_its_handler_leaves_unread_keeps_the_connection_only_when_it_comes() {
    let deaf = app(
        HttpConfig::default(),
        Router::new().route("/", post(async || StatusCode::IM_A_TEAPOT)),
    );
    let never = stream::pending::<Result<Bytes, std::io::Error>>();

    let came = deaf
        .send(Request::post("/").body(streamed(60_000)).unwrap())
        .await;
    let did_not = deaf
        .send(Request::post("/").body(Body::from_stream(never)).unwrap())
        .await;

    assert_eq!(came.status, StatusCode::IM_A_TEAPOT);
    assert!(!came.headers.contains_key("connection"));
    assert_eq!(did_not.status, StatusCode::IM_A_TEAPOT);
    assert_eq!(did_not.headers["connection"], "close");
}

#[tokio::test]
async fn a_body_that_turns_out_too_large_is_refused() {
    for path in ["/", "/json"] {
        let request = Request::post(path).header("content-type", "application/json");

        let answer = echo(of_64_bytes())
            .send(request.body(streamed(65)).unwrap())
            .await;

        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        assert_eq!(answer.code(), "body_too_large");
    }
}

#[tokio::test]
async fn the_limit_can_be_larger_than_what_axum_allows_by_itself() {
    let config = HttpConfig {
        body_bytes_max: 4 << 20,
        ..HttpConfig::default()
    };

    let answer = echo(config).post("/", &"x".repeat(3 << 20)).await;

    assert_eq!(answer.text(), (3 << 20).to_string());
}

#[tokio::test]
async fn an_address_that_is_too_long_is_refused() {
    let answer = echo(HttpConfig::default())
        .get(&format!("/{}", "x".repeat(8_192)))
        .await;

    assert_eq!(answer.status, StatusCode::URI_TOO_LONG);
    assert_eq!(answer.code(), "uri_too_long");
}

#[tokio::test]
async fn a_header_that_must_be_single_is_refused_when_it_is_there_twice() {
    for name in ["authorization", "content-type", "host", "x-tenant"] {
        let answer = echo(HttpConfig::default())
            .send(support::get("/", &[(name, "a"), (name, "b")]))
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}");
        assert_eq!(answer.code(), "duplicate_header");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_too_late_is_replaced() {
    let config = HttpConfig {
        deadline_ms: NonZeroU64::new(250).unwrap(),
        ..HttpConfig::default()
    };
    let routes = Router::new().route("/", get(async || std::future::pending::<()>().await));
    let app = app(config, routes);
    let began = tokio::time::Instant::now();

    let answer = app.get("/").await;

    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(answer.code(), "deadline_exceeded");
    assert_eq!(began.elapsed().as_millis(), 250);
}

/// A service with room for one request, whose handler at `/` waits until it is told to go on.
fn one_at_a_time() -> (App, Arc<Notify>, Arc<Notify>) {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (at_entry, at_exit) = (Arc::clone(&entered), Arc::clone(&leave));
    let wait = move || {
        let (at_entry, at_exit) = (Arc::clone(&at_entry), Arc::clone(&at_exit));
        async move {
            at_entry.notify_one();
            at_exit.notified().await;
        }
    };
    let config = HttpConfig {
        concurrency_max: NonZeroUsize::MIN,
        ..HttpConfig::default()
    };
    let quick = || async {};
    let routes = Router::new()
        .route("/", get(wait))
        .route("/quick", get(quick))
        .route("/livez", get(quick));
    (app(config, routes), entered, leave)
}

#[tokio::test]
async fn a_request_over_the_limit_is_refused_at_once_and_the_next_is_served() {
    let (app, entered, leave) = one_at_a_time();
    let first = tokio::spawn(app.router.clone().oneshot(support::get("/", &[])));
    entered.notified().await;

    let refused = app.get("/quick").await;
    leave.notify_one();
    let first = first.await.unwrap().unwrap();
    let next = app.get("/quick").await;

    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.code(), "overloaded");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(first.status(), StatusCode::OK);
    assert_eq!(next.status, StatusCode::OK);
}

#[tokio::test]
async fn a_probe_is_answered_when_the_service_is_at_its_limit() {
    let (app, entered, _leave) = one_at_a_time();
    let first = tokio::spawn(app.router.clone().oneshot(support::get("/", &[])));
    entered.notified().await;

    let probe = app.get("/livez").await;

    assert_eq!(probe.status, StatusCode::OK);
    first.abort();
}

#[tokio::test]
async fn a_client_that_goes_away_gives_its_place_back() {
    let (app, _entered, _leave) = one_at_a_time();
    let mut first = Box::pin(app.router.clone().oneshot(support::get("/", &[])));
    assert!((&mut first).now_or_never().is_none());

    drop(first);

    assert_eq!(app.get("/quick").await.status, StatusCode::OK);
}
