//! Error answers.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use platform_core::http::{HttpConfig, Problem};
use platform_core::{Denied, Forbidden, Permission};
use serde_json::json;

use crate::support::{self, app};

#[test]
fn a_problem_has_the_members_of_rfc_9457_and_a_code() {
    let id = "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12".parse().unwrap();

    let problem = Problem::new(
        StatusCode::CONFLICT,
        "email_taken",
        "this address is registered already",
    )
    .field("email", "taken", "choose another address")
    .with("order", json!({ "id": 7 }))
    .of_request(id);

    let document = serde_json::to_string_pretty(&problem.to_value()).unwrap();
    insta::assert_snapshot!(document, @r#"
    {
      "code": "email_taken",
      "detail": "this address is registered already",
      "errors": [
        {
          "code": "taken",
          "field": "email",
          "message": "choose another address"
        }
      ],
      "instance": "urn:uuid:018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12",
      "order": {
        "id": 7
      },
      "request_id": "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12",
      "status": 409,
      "title": "Conflict",
      "type": "about:blank"
    }
    "#);
}

#[test]
fn an_extension_cannot_take_the_name_of_a_member() {
    let problem = Problem::not_found()
        .with("status", json!(200))
        .with("code", json!("fine"));

    assert_eq!(problem.to_value()["status"], 404);
    assert_eq!(problem.to_value()["code"], "not_found");
}

#[test]
fn retry_after_is_in_whole_seconds_and_never_too_early() {
    let answer = Problem::internal()
        .retry_after(Duration::from_millis(1_001))
        .into_response();

    assert_eq!(answer.headers()["retry-after"], "2");
}

#[test]
fn a_missing_credential_is_challenged() {
    let answer = Problem::unauthenticated().into_response();

    assert_eq!(answer.headers()["www-authenticate"], "Bearer");
}

#[test]
fn a_missing_permission_is_forbidden_by_its_name() {
    let problem = Problem::from(Forbidden::new(Permission::new("orders:place")));

    assert_eq!(problem.status(), StatusCode::FORBIDDEN);
    assert_eq!(problem.code(), "forbidden");
    assert_eq!(problem.detail(), "the permission orders:place is needed");
}

#[test]
fn a_missing_second_factor_has_a_code_of_its_own() {
    let problem = Problem::from(Forbidden::until_second_factor(Permission::new("orders:place")));

    assert_eq!(problem.status(), StatusCode::FORBIDDEN);
    assert_eq!(problem.code(), "second_factor_required");
}

#[cfg(feature = "pg")]
#[test]
fn a_database_that_is_gone_is_503_and_a_defect_is_500_without_its_cause() {
    use platform_core::pg::DbError;
    use platform_core::sqlx;

    let gone = Problem::from(DbError::from(sqlx::Error::PoolClosed));
    let defect = Problem::from(DbError::from(sqlx::Error::ColumnNotFound(
        "secret_column".to_owned(),
    )));
    let unaudited = Problem::from(DbError::Unaudited(sqlx::Error::Protocol(
        "secret_table".to_owned(),
    )));

    assert_eq!(
        (gone.status(), gone.code()),
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    );
    assert_eq!(gone.into_response().headers()["retry-after"], "1");
    assert_eq!(
        (defect.status(), defect.code()),
        (StatusCode::INTERNAL_SERVER_ERROR, "internal")
    );
    assert!(!defect.to_value().to_string().contains("secret_column"));
    assert_eq!(unaudited.to_value(), defect.to_value());
}

#[tokio::test]
async fn an_unknown_route_is_not_found() {
    let app = app(HttpConfig::default(), Router::new().route("/", get(|| async {})));

    let answer = app.get("/nowhere").await;

    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.code(), "not_found");
}

#[tokio::test]
async fn an_unknown_method_is_not_allowed_and_the_known_ones_are_named() {
    let app = app(HttpConfig::default(), Router::new().route("/", get(|| async {})));

    let answer = app.post("/", "{}").await;

    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.code(), "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
}

#[tokio::test]
async fn an_error_in_plain_text_becomes_a_problem() {
    let routes = Router::new().route(
        "/",
        get(|| async { (StatusCode::BAD_REQUEST, "at 0x7ffe: stack trace") }),
    );
    let app = app(HttpConfig::default(), routes);

    let answer = app.get("/").await;

    assert_eq!(answer.code(), "bad_request");
    assert!(!answer.text().contains("0x7ffe"));
}

#[tokio::test]
async fn an_error_document_of_the_handler_s_own_is_left_alone() {
    let own = || async {
        (
            StatusCode::BAD_REQUEST,
            axum::Json(json!({ "error": "invalid_grant" })),
        )
    };
    let app = app(
        HttpConfig::default(),
        Router::new().route("/oauth2/token", get(own)),
    );

    let answer = app.get("/oauth2/token").await;

    assert_eq!(answer.json(), json!({ "error": "invalid_grant" }));
}

#[tokio::test]
async fn the_head_of_a_problem_has_no_body() {
    let app = app(
        HttpConfig::default(),
        Router::new().route("/", get(async || Problem::not_found())),
    );
    let mut head = support::get("/", &[]);
    *head.method_mut() = axum::http::Method::HEAD;

    let answer = app.send(head).await;

    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert!(answer.body.is_empty());
}

#[test]
fn what_may_not_be_seen_is_answered_like_what_there_is_not() {
    const OPEN: Permission = Permission::new("parcels:open");

    let hidden = Problem::from(Denied::Hidden);
    let forbidden = Problem::from(Denied::Forbidden(Forbidden::new(OPEN)));

    assert_eq!(hidden, Problem::not_found());
    assert_eq!(forbidden, Problem::from(Forbidden::new(OPEN)));
}
