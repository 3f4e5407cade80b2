//! What an answer is, and what it is over HTTP.

use std::time::Duration;

use platform_core::Sources;
use platform_core::axum::body::to_bytes;
use platform_core::axum::http::{StatusCode, header};
use platform_core::axum::response::IntoResponse as _;
use platform_core::idempotency::{
    IDEMPOTENT_REPLAYED, IdempotencyConfig, IdempotencyKeys, Replayed, StoredResponse,
};
use platform_core::pg::Db;

#[tokio::test]
async fn an_answer_is_given_again_over_http_as_it_was() {
    let answer = StoredResponse::new(202, Some("text/plain"), b"on its way".to_vec()).unwrap();

    let first = answer.clone().into_response();
    let again = Replayed(answer).into_response();

    assert!(!first.headers().contains_key(IDEMPOTENT_REPLAYED));
    assert_eq!(again.headers()[IDEMPOTENT_REPLAYED], "true");
    for response in [first, again] {
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/plain");
        let body = to_bytes(response.into_body(), 100).await.unwrap();
        assert_eq!(&body[..], b"on its way");
    }
    let bare = StoredResponse::new(204, None, Vec::new())
        .unwrap()
        .into_response();
    assert!(!bare.headers().contains_key(header::CONTENT_TYPE));
}

#[tokio::test]
async fn what_cannot_be_an_answer_or_a_limit_is_refused() {
    assert!(StoredResponse::new(99, None, Vec::new()).is_err());
    assert!(StoredResponse::new(600, None, Vec::new()).is_err());
    assert!(StoredResponse::new(200, Some(""), Vec::new()).is_err());
    assert!(StoredResponse::new(200, Some("a\nb"), Vec::new()).is_err());
    let db = Db::unconnected(Sources::system());
    let too_long = IdempotencyConfig {
        body_bytes_max: (1 << 20) + 1,
        ..IdempotencyConfig::default()
    };
    assert_eq!(
        IdempotencyKeys::new(&db, too_long).unwrap_err().limit,
        "body_bytes_max"
    );
    let never = IdempotencyConfig {
        keep: Duration::ZERO,
        ..IdempotencyConfig::default()
    };
    assert_eq!(IdempotencyKeys::new(&db, never).unwrap_err().limit, "keep");
}
