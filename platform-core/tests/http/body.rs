//! JSON bodies.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::post;
use platform_core::http::{HttpConfig, Json};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::support::{Answer, App, app};

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Order {
    symbol: String,
    quantity: u32,
    #[serde(default)]
    side: Option<Side>,
    #[serde(default)]
    legs: Vec<Leg>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    Buy,
    Sell,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Leg {
    quantity: u32,
}

fn service() -> App {
    let echo = async |Json(order): Json<Order>| Json(order);
    let echo_any = async |Json(any): Json<serde_json::Value>| Json(any);
    let routes = Router::new().route("/", post(echo)).route("/any", post(echo_any));
    app(HttpConfig::default(), routes)
}

async fn typed(content_type: Option<&str>) -> Answer {
    let request = Request::post("/");
    let request = match content_type {
        Some(content_type) => request.header("content-type", content_type),
        None => request,
    };
    let body = Body::from(r#"{"symbol":"IBM","quantity":1}"#);
    service().send(request.body(body).unwrap()).await
}

/// The code of the problem and of its first field.
async fn refusal(body: &str) -> (StatusCode, String, serde_json::Value) {
    let answer = service().post("/", body).await;
    (answer.status, answer.code(), answer.json()["errors"][0].clone())
}

#[tokio::test]
async fn a_body_is_read_and_answered_as_json() {
    let answer = service()
        .post("/", r#"{"symbol":"IBM","quantity":3,"side":"buy"}"#)
        .await;

    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(
        answer.json(),
        json!({ "symbol": "IBM", "quantity": 3, "side": "buy", "legs": [] })
    );
}

#[tokio::test]
async fn only_application_json_is_accepted() {
    for accepted in [
        "application/json",
        "Application/JSON; charset=\"UTF-8\"",
        "application/json;charset=utf-8",
    ] {
        assert_eq!(typed(Some(accepted)).await.status, StatusCode::OK, "{accepted}");
    }
    let refused = [
        None,
        Some("text/plain"),
        Some("application/jsonp"),
        Some("application/json; charset=latin1"),
        Some("application/x-www-form-urlencoded"),
        Some("application/vnd.api+json"),
    ];
    for refused in refused {
        let answer = typed(refused).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{refused:?}");
        assert_eq!(answer.code(), "unsupported_media_type");
    }
}

#[tokio::test]
async fn what_is_not_one_json_value_is_malformed() {
    let malformed = [
        "",
        "{",
        r#"{"symbol":}"#,
        r#"{"symbol":"IBM","quantity":1} x"#,
        "\u{feff}{}",
    ];

    for body in malformed {
        let (status, code, field) = refusal(body).await;
        assert_eq!(
            (status, code.as_str()),
            (StatusCode::BAD_REQUEST, "malformed_json"),
            "{body:.20}"
        );
        assert!(field.is_null());
    }
}

#[tokio::test]
async fn a_body_that_nests_too_deeply_is_malformed() {
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));

    let answer = service().post("/any", &deep).await;

    assert_eq!(answer.code(), "malformed_json");
}

#[tokio::test]
async fn a_name_that_a_client_made_up_is_repeated_in_part_only() {
    let name = "x".repeat(50_000);

    let answer = service().post("/", &format!(r#"{{"{name}":1}}"#)).await;

    assert_eq!(answer.code(), "invalid_body");
    assert!(answer.body.len() < 1_000);
}

#[tokio::test]
async fn an_unknown_field_is_named() {
    let (status, code, field) = refusal(r#"{"symbol":"IBM","quantity":1,"quantiti":2}"#).await;

    assert_eq!(
        (status, code.as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "invalid_body")
    );
    assert_eq!(field["field"], "quantiti");
    assert_eq!(field["code"], "unknown_field");
}

#[tokio::test]
async fn a_missing_field_is_named_with_its_path() {
    let (_, _, at_the_top) = refusal(r#"{"symbol":"IBM"}"#).await;
    let (_, _, inside) = refusal(r#"{"symbol":"IBM","quantity":1,"legs":[{"quantity":1},{}]}"#).await;

    assert_eq!(
        (&at_the_top["field"], &at_the_top["code"]),
        (&json!("quantity"), &json!("missing"))
    );
    assert_eq!(
        (&inside["field"], &inside["code"]),
        (&json!("legs[1].quantity"), &json!("missing"))
    );
}

#[tokio::test]
async fn an_unknown_field_inside_is_named_with_its_path() {
    let (_, _, field) = refusal(r#"{"symbol":"IBM","quantity":1,"legs":[{"quantity":1,"x":2}]}"#).await;

    assert_eq!(field["field"], "legs[0].x");
}

#[tokio::test]
async fn a_field_given_twice_is_refused() {
    let (_, _, field) = refusal(r#"{"symbol":"IBM","quantity":1,"quantity":2}"#).await;

    assert_eq!(
        (&field["field"], &field["code"]),
        (&json!("quantity"), &json!("duplicate_field"))
    );
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_named_and_not_repeated() {
    let answer = service()
        .post("/", r#"{"symbol":"IBM","quantity":"hunter2, expected "}"#)
        .await;

    assert_eq!(answer.json()["errors"][0]["field"], "quantity");
    assert_eq!(answer.json()["errors"][0]["message"], "expected u32");
    assert!(!answer.text().contains("hunter2"));
}

#[tokio::test]
async fn a_word_that_is_not_in_the_list_is_answered_with_the_list() {
    let (_, _, field) = refusal(r#"{"symbol":"IBM","quantity":1,"side":"steal"}"#).await;

    assert_eq!(field["field"], "side");
    assert_eq!(field["code"], "invalid_value");
    assert_eq!(field["message"], "expected `buy` or `sell`");
}

#[tokio::test]
async fn a_number_out_of_range_or_with_a_fraction_is_refused() {
    for quantity in ["-1", "1.5", "1e3", "4294967296", "99999999999999999999999999"] {
        let (status, ..) = refusal(&format!(r#"{{"symbol":"IBM","quantity":{quantity}}}"#)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{quantity}");
    }
}

#[tokio::test]
async fn numbers_keep_their_exact_text() {
    let answer = service()
        .post("/any", r#"{"price":10.10,"big":123456789012345678901234567890}"#)
        .await;

    assert_eq!(
        answer.text(),
        r#"{"big":123456789012345678901234567890,"price":10.10}"#
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_a_client_sends_is_answered(body in r#"[\[\]{}",:0-9.eE+a-z -]{0,40}"#) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();

        let answer = runtime.block_on(service().post("/", &body));

        prop_assert!(matches!(answer.status.as_u16(), 200 | 400 | 422), "{:?}", answer);
    }
}
