//! What administrators do to accounts, through the routes.

use super::app::{App, order, request, text};
use axum::http::Method;
use serde_json::Value;

/// A request of an administrator, under a key unless that is empty.
async fn post(app: &App, (who, key): (&str, &str), path: &str, body: &str) -> super::app::Answer {
    app.world.tick();
    let key: &[(&str, &str)] = match key {
        "" => &[],
        key => &[("idempotency-key", key)],
    };
    let path = format!("/admin/v1/trading{path}");
    let body = Some(body.as_bytes().to_vec());
    app.send(request(Method::POST, who, &path, key, body)).await
}

async fn account(app: &App, who: &str) -> String {
    text(&app.get(who, "/api/v1/account").await.ok()["id"])
}

#[tokio::test]
async fn an_account_is_suspended_resumed_and_closed() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    let id = account(&app, "alice").await;
    app.order("alice", "", &order("buy", "1", Some("9.00")))
        .await
        .ok();
    let body = r#"{"reason":"case 2026-118"}"#;
    let admin = ("admin", "");

    let flat = post(&app, admin, &format!("/accounts/{id}/close"), body).await;
    assert_eq!(flat.problem(), (409, "account_not_flat".to_owned()));
    let path = format!("/accounts/{id}/suspend?cancel_open=true");
    let suspended = post(&app, admin, &path, body).await.ok();
    assert_eq!(suspended["account"]["status"], "suspended");
    assert_eq!(suspended["cancelled_orders"], 1);
    let placed = app.order("alice", "", &order("buy", "1", None)).await;
    assert_eq!(placed.problem(), (403, "account_suspended".to_owned()));
    let resumed = post(&app, admin, &format!("/accounts/{id}/resume"), body)
        .await
        .ok();
    assert_eq!(resumed["status"], "active");
    let closed = post(&app, admin, &format!("/accounts/{id}/close"), body)
        .await
        .ok();
    assert_eq!(closed["status"], "closed");
    let late = post(&app, admin, &format!("/accounts/{id}/resume"), body).await;
    assert_eq!(late.problem(), (409, "account_closed".to_owned()));
}

#[tokio::test]
async fn cash_is_adjusted_by_one_or_by_two() {
    let app = App::new().await;
    let id = account(&app, "alice").await;
    let path = format!("/accounts/{id}/adjustments");
    let small = r#"{"amount":"-0.05","reason":"correction"}"#;
    let large = r#"{"amount":"25000.00","reason":"transfer in"}"#;

    let keyless = post(&app, ("admin", ""), &path, small).await;
    assert_eq!(keyless.problem(), (400, "idempotency_key_required".to_owned()));
    let applied = post(&app, ("admin", "one"), &path, small).await;
    assert_eq!(applied.status.as_u16(), 201);
    assert_eq!(applied.ok()["status"], "applied");
    let again = post(&app, ("admin", "one"), &path, small).await;
    assert_eq!(
        (again.status.as_u16(), again.header("idempotent-replayed")),
        (201, Some("true"))
    );
    let other = post(&app, ("admin", "one"), &path, large).await;
    assert_eq!(other.problem(), (422, "idempotency_key_reused".to_owned()));
    let asked = post(&app, ("admin", "two"), &path, large).await;
    assert_eq!(asked.status.as_u16(), 202);
    let asked = text(&asked.ok()["id"]);
    let pending = app
        .get("deputy", "/admin/v1/trading/adjustments?status=pending")
        .await
        .ok();
    assert_eq!(pending["data"][0]["id"], asked.as_str());
    let own = post(
        &app,
        ("admin", ""),
        &format!("/adjustments/{asked}/approve"),
        "{}",
    )
    .await;
    assert_eq!(own.problem(), (403, "own_request".to_owned()));
    let approved = post(
        &app,
        ("deputy", ""),
        &format!("/adjustments/{asked}/approve"),
        "{}",
    )
    .await;
    assert_eq!(approved.ok()["status"], "applied");
    let late = post(
        &app,
        ("deputy", ""),
        &format!("/adjustments/{asked}/refuse"),
        "{}",
    )
    .await;
    assert_eq!(late.problem(), (409, "adjustment_applied".to_owned()));
    assert_eq!(late.json()["adjustment"]["id"], asked.as_str());

    let account = app.get("alice", "/api/v1/account").await.ok();
    assert_eq!(account["buying_power"], "34999.95");
    let activities = app.get("alice", "/api/v1/account/activities").await.ok();
    let kinds: Vec<&Value> = activities["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["kind"])
        .collect();
    assert_eq!(kinds, ["deposit", "withdrawal", "deposit"]);
}

#[tokio::test]
async fn whoever_may_not_is_told_so_and_nothing_more() {
    let app = App::new().await;
    let id = account(&app, "alice").await;
    let reason = r#"{"reason":"x"}"#;
    let amount = r#"{"amount":"1.00","reason":"x"}"#;
    for (action, body) in [
        ("suspend", reason),
        ("resume", reason),
        ("close", reason),
        ("adjustments", amount),
    ] {
        let path = format!("/accounts/{id}/{action}");
        for who in ["alice", "bob", "carol", "reader", "abroad"] {
            let answer = post(&app, (who, "key"), &path, body).await;
            assert_eq!(answer.problem(), (404, "not_found".to_owned()), "{who} {path}");
        }
        let viewer = post(&app, ("viewer", "key"), &path, body).await;
        assert_eq!(viewer.problem(), (403, "forbidden".to_owned()), "{path}");
        assert_eq!(post(&app, ("", "key"), &path, body).await.problem().0, 401);
    }
    // The least that the account has too little of without another's approval is 10,000.00.
    app.world.quote("10.00", "10.01", "100");
    app.order("alice", "", &order("buy", "1", Some("9.00")))
        .await
        .ok();
    for (action, body, code) in [
        ("suspend", r#"{"reason":""}"#, "invalid_reason"),
        ("close", r#"{}"#, "invalid_body"),
        ("suspend?cancel_open=perhaps", reason, "invalid_query"),
        (
            "adjustments",
            r#"{"amount":"0.00","reason":"x"}"#,
            "invalid_amount",
        ),
        (
            "adjustments",
            r#"{"amount":"1.001","reason":"x"}"#,
            "invalid_body",
        ),
        (
            "adjustments",
            r#"{"amount":"1.00","reason":" "}"#,
            "invalid_reason",
        ),
        (
            "adjustments",
            r#"{"amount":"-10000.00","reason":"x"}"#,
            "insufficient_funds",
        ),
    ] {
        let answer = post(&app, ("admin", "key"), &format!("/accounts/{id}/{action}"), body).await;
        assert_eq!(answer.problem().1, code, "{action} {body}");
    }
    let listed = app.get("viewer", "/admin/v1/trading/adjustments").await;
    assert_eq!(listed.problem(), (403, "forbidden".to_owned()));
    let wrong = app
        .get("admin", "/admin/v1/trading/adjustments?status=lost")
        .await;
    assert_eq!(wrong.problem(), (422, "invalid_status".to_owned()));
}
