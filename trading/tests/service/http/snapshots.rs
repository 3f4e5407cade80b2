//! Whole answers, as clients have come to rely on them.

use serde_json::Value;

use super::app::{App, order};

/// The answer without what differs from run to run.
fn redacted(mut answer: Value) -> String {
    redact(&mut answer);
    serde_json::to_string_pretty(&answer).unwrap()
}

fn redact(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let differs = ["id", "order_id", "quote_seq", "request_id", "instance"].contains(&&**name)
                    || name.ends_with("_at");
                if differs && !field.is_null() {
                    *field = format!("[{name}]").into();
                } else {
                    redact(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        _ => {}
    }
}

#[tokio::test]
async fn a_placed_order() {
    let app = App::new().await;
    app.world.quote("178.49", "178.51", "4");
    let body = r#"{"symbol":"AAPL","side":"buy","order_type":"limit","quantity":"10","limit_price":"178.60",
        "client_order_id":"mine-1"}"#;

    let placed = app.order("alice", "", body).await;

    insta::assert_snapshot!(redacted(placed.ok()));
}

#[tokio::test]
async fn a_rejected_order() {
    let app = App::new().await;
    app.world.quote("178.49", "178.51", "1000");

    let rejected = app.order("alice", "", &order("buy", "100", None)).await;

    assert_eq!(rejected.problem(), (422, "insufficient_funds".to_owned()));
    insta::assert_snapshot!(redacted(rejected.json()));
}

#[tokio::test]
async fn a_portfolio() {
    let app = App::new().await;
    app.world.quote("178.49", "178.51", "1000");
    app.order("alice", "", &order("buy", "10", None)).await.ok();
    app.order("alice", "", &order("sell", "2.5", Some("200")))
        .await
        .ok();

    let portfolio = app.get("alice", "/api/v1/portfolio").await.ok();

    insta::assert_snapshot!(redacted(portfolio));
}

#[tokio::test]
async fn a_quote() {
    let app = App::new().await;
    app.world.quote("178.49", "178.51", "1000");

    let mut quote = app.get("", "/api/v1/quotes/AAPL").await.ok();
    for name in ["seq", "at"] {
        quote[name] = format!("[{name}]").into();
    }

    insta::assert_snapshot!(redacted(quote));
}
