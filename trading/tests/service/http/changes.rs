//! Changing, previewing and cancelling orders through the routes.

use axum::http::{Method, StatusCode};
use serde_json::Value;

use super::app::{Answer, App, order, request, text};

async fn patch(app: &App, who: &str, id: &str, if_match: &[(&str, &str)], body: &str) -> Answer {
    app.world.tick();
    let path = format!("/api/v1/orders/{id}");
    let body = Some(body.as_bytes().to_vec());
    app.send(request(Method::PATCH, who, &path, if_match, body)).await
}

/// A resting buy of one share at 9.00.
async fn resting(app: &App, who: &str) -> String {
    let placed = app.order(who, "", &order("buy", "1", Some("9.00"))).await.ok();
    text(&placed["order"]["id"])
}

#[tokio::test]
async fn an_order_is_changed_in_the_version_that_was_seen() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    let id = resting(&app, "alice").await;
    let seen = app.get("alice", &format!("/api/v1/orders/{id}")).await;
    let etag = seen.header("etag").unwrap().to_owned();
    assert_eq!(etag, "\"1\"");

    let changed = patch(
        &app,
        "alice",
        &id,
        &[("if-match", etag.as_str())],
        r#"{ "quantity": 2 }"#,
    )
    .await;
    let late = patch(
        &app,
        "alice",
        &id,
        &[("if-match", etag.as_str())],
        r#"{ "quantity": 3 }"#,
    )
    .await;
    let any = patch(
        &app,
        "alice",
        &id,
        &[("if-match", "*")],
        r#"{ "limit_price": "8.00" }"#,
    )
    .await;

    assert_eq!(changed.header("etag"), Some("\"2\""));
    let changed = changed.ok();
    assert_eq!(changed["order"]["quantity"], "2");
    assert_eq!(changed["buying_power"], "9982.00");
    assert_eq!(changed["executions"], Value::Array(Vec::new()));
    assert_eq!(late.problem(), (412, "version_mismatch".to_owned()));
    assert_eq!(late.json()["order"]["version"], 2);
    assert_eq!(any.ok()["order"]["version"], 3);
}

#[tokio::test]
async fn a_change_that_is_not_valid_changes_nothing() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    let id = resting(&app, "alice").await;
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, u16, &'a str);
    let cases: [Case<'_>; 13] = [
        (&[], r#"{ "quantity": "0" }"#, 422, "out_of_range"),
        (&[], r#"{ "quantity": "NaN" }"#, 422, "malformed_number"),
        (&[], r#"{ "limit_price": "1.00001" }"#, 422, "too_many_decimals"),
        (&[], r#"{ "stop_price": "9" }"#, 422, "unexpected_field"),
        (
            &[],
            r#"{ "time_in_force": "ioc" }"#,
            422,
            "unsupported_time_in_force",
        ),
        (&[], r#"{ "time_in_force": "soon" }"#, 422, "unknown_value"),
        (
            &[],
            r#"{ "quantity": "0", "time_in_force": "soon" }"#,
            422,
            "invalid_order",
        ),
        (&[], r#"{ "quantity": "50000" }"#, 422, "insufficient_funds"),
        (
            &[],
            r#"{ "quantity": "99999999", "limit_price": "11" }"#,
            422,
            "notional_too_large",
        ),
        (&[], r#"{ "side": "sell" }"#, 422, "invalid_body"),
        (
            &[("if-match", "1")],
            r#"{ "quantity": "2" }"#,
            400,
            "invalid_if_match",
        ),
        (
            &[("if-match", "\"x\"")],
            r#"{ "quantity": "2" }"#,
            400,
            "invalid_if_match",
        ),
        (
            &[("if-match", "W/\"1\"")],
            r#"{ "quantity": "2" }"#,
            400,
            "invalid_if_match",
        ),
    ];
    for (headers, body, status, code) in cases {
        let answer = patch(&app, "alice", &id, headers, body).await;
        assert_eq!(answer.problem(), (status, code.to_owned()), "{headers:?} {body}");
    }

    let order = app.get("alice", &format!("/api/v1/orders/{id}")).await.ok();
    assert_eq!(order["version"], 1);
    assert_eq!(order["hold"], "9.00");
    app.world.sound().await;
}

#[tokio::test]
async fn a_final_order_is_told_as_it_is_and_another_customers_is_not_found() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    let placed = app.order("alice", "", &order("buy", "1", None)).await.ok();
    let filled = text(&placed["order"]["id"]);
    let open = resting(&app, "alice").await;
    for who in ["bob", "carol"] {
        app.get(who, "/api/v1/account").await.ok();
    }

    let late = patch(&app, "alice", &filled, &[], r#"{ "quantity": 2 }"#).await;

    assert_eq!(late.problem(), (409, "order_filled".to_owned()));
    assert_eq!(late.json()["order"], placed["order"]);
    for who in ["bob", "carol"] {
        let foreign = patch(&app, who, &open, &[], r#"{ "quantity": 2 }"#).await;
        assert_eq!(foreign.problem(), (404, "not_found".to_owned()));
    }
}

#[tokio::test]
async fn a_stop_is_placed_seen_and_moved() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    let body = r#"{ "symbol": "AAPL", "side": "buy", "order_type": "stop_limit", "quantity": "1", "stop_price": "11",
        "limit_price": "11.50", "time_in_force": "gtc" }"#;

    let placed = app.order("alice", "", body).await;

    assert_eq!(placed.status, StatusCode::CREATED);
    let placed = placed.ok();
    assert_eq!(placed["order"]["status"], "pending");
    assert_eq!(placed["order"]["stop_price"], "11.00");
    let id = text(&placed["order"]["id"]);
    let moved = patch(
        &app,
        "alice",
        &id,
        &[],
        r#"{ "stop_price": 12, "limit_price": 12 }"#,
    )
    .await;
    assert_eq!(moved.ok()["order"]["hold"], "12.00");
    app.world.quote("12.00", "12.50", "100");
    app.world.match_aapl().await;
    let elected = patch(&app, "alice", &id, &[], r#"{ "stop_price": 13 }"#).await;
    assert_eq!(elected.problem(), (422, "stop_elected".to_owned()));
}

#[tokio::test]
async fn a_preview_is_answered_and_leaves_nothing() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    let preview = async |who: &str, body: &str| {
        let body = Some(body.as_bytes().to_vec());
        app.send(request(Method::POST, who, "/api/v1/orders/preview", &[], body))
            .await
    };

    let market = preview("alice", &order("buy", "2", None)).await.ok();
    let poor = preview("alice", &order("buy", "5000", None)).await.ok();
    let wrong = preview("alice", &order("buy", "0", None)).await;
    let reader = preview("reader", &order("buy", "1", None)).await;

    assert_eq!(market["status"], "filled");
    assert_eq!(market["cost"], "20.02");
    assert_eq!(market["hold"], "0.00");
    assert_eq!(market["buying_power_after"], "9979.98");
    assert_eq!(poor["status"], "rejected");
    assert_eq!(poor["reason"], "insufficient_funds");
    assert_eq!(wrong.problem(), (422, "out_of_range".to_owned()));
    assert_eq!(reader.problem(), (403, "forbidden".to_owned()));
    for table in ["trading.account", "trading.orders"] {
        assert_eq!(app.world.count(table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn all_open_orders_are_cancelled_and_each_is_told() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    app.world.quote_of("IBM", "10.00", "10.01", "100");
    let (first, second) = (resting(&app, "alice").await, resting(&app, "alice").await);
    app.order("alice", "", &order("buy", "1", None)).await.ok();
    let ibm = order("buy", "1", Some("9.00")).replace("AAPL", "IBM");
    let ibm = text(&app.order("alice", "", &ibm).await.ok()["order"]["id"]);
    let bobs = resting(&app, "bob").await;

    let one_symbol = app.delete("alice", "/api/v1/orders?symbol=IBM").await;
    let all = app.delete("alice", "/api/v1/orders").await;
    let none = app.delete("alice", "/api/v1/orders").await;
    let unreadable = app.delete("alice", "/api/v1/orders?symbol=ibm").await;

    assert_eq!(one_symbol.status, StatusCode::MULTI_STATUS);
    let told = |answer: &Answer| -> Vec<(String, u64, Value)> {
        let answer = answer.ok();
        assert_eq!(answer["more"], false);
        let results = answer["data"].as_array().unwrap().clone();
        let one = |result: &Value| {
            let status = result["status"].as_u64().unwrap();
            (
                text(&result["order_id"]),
                status,
                result["order"]["status"].clone(),
            )
        };
        results.iter().map(one).collect()
    };
    let cancelled = |id: String| (id, 200_u64, Value::from("cancelled"));
    assert_eq!(told(&one_symbol), vec![cancelled(ibm)]);
    assert_eq!(told(&all), vec![cancelled(second), cancelled(first)]);
    assert!(told(&none).is_empty());
    assert_eq!(unreadable.problem(), (422, "malformed_symbol".to_owned()));
    let bobs = app.get("bob", &format!("/api/v1/orders/{bobs}")).await.ok();
    assert_eq!(bobs["status"], "submitted");
    app.world.sound().await;
}
