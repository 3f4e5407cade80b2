//! Path and query parameters.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use platform_core::TenantId;
use platform_core::http::{HttpConfig, Path, Query};
use serde::Deserialize;

use crate::support::{App, app};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    min: Option<u32>,
}

fn service() -> App {
    let by_id = async |Path(id): Path<TenantId>| id.to_string();
    let leg = async |Path((order, leg)): Path<(TenantId, u32)>| format!("{order} {leg}");
    let list = async |Query(filter): Query<Filter>| format!("{:?}", filter.min);
    let routes = Router::new()
        .route("/orders/{id}", get(by_id))
        .route("/orders/{id}/legs/{leg}", get(leg))
        .route("/orders", get(list));
    app(HttpConfig::default(), routes)
}

#[tokio::test]
async fn a_path_parameter_is_parsed() {
    let answer = service()
        .get("/orders/018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12")
        .await;

    assert_eq!(answer.text(), "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12");
}

#[tokio::test]
async fn a_path_parameter_that_does_not_fit_is_named() {
    let bad_id = service().get("/orders/seven").await;
    let bad_leg = service()
        .get("/orders/018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12/legs/two")
        .await;
    let not_utf8 = service().get("/orders/%ff").await;

    for answer in [&bad_id, &bad_leg, &not_utf8] {
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.code(), "invalid_path");
    }
    assert!(
        bad_id.text().contains("a TenantId is a UUID"),
        "{}",
        bad_id.text()
    );
    assert!(!bad_leg.text().contains("two"));
}

#[tokio::test]
async fn a_query_parameter_is_parsed() {
    assert_eq!(service().get("/orders?min=3").await.text(), "Some(3)");
    assert_eq!(service().get("/orders").await.text(), "None");
}

#[tokio::test]
async fn a_query_parameter_that_does_not_fit_is_named() {
    for (query, field) in [("min=x", "min"), ("max=3", "max"), ("min=1&min=2", "min")] {
        let answer = service().get(&format!("/orders?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(answer.code(), "invalid_query");
        assert_eq!(answer.json()["errors"][0]["field"], field, "{}", answer.text());
    }
}
