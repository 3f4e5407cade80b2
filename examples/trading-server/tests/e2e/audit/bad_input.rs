//! What an admin may ask of the trail, asked for wrongly: a problem with a stable code, and nothing is changed or recorded.

use reqwest::Method;
use serde_json::{Value, json};

use super::support::{launch, one};
use crate::support::{DataDir, eventually};

const NOBODYS: &str = "01900000-0000-7000-8000-000000000000";
const HUGE: &str = "99999999999999999999999";

/// Path below `/admin/v1/audit`, status and code.
fn questions() -> Vec<(String, u16, &'static str)> {
    let mut all = Vec::new();
    let mut ask = |path: &str, status: u16, code: &'static str| all.push((path.to_owned(), status, code));
    for list in ["/events", "/checkpoints", "/holds"] {
        for limit in ["0", "201", "-1", "x", HUGE] {
            ask(&format!("{list}?limit={limit}"), 422, "invalid_limit");
        }
        for cursor in ["x", "%00", "bnVsbA", "W10"] {
            ask(&format!("{list}?cursor={cursor}"), 400, "invalid_cursor");
        }
        ask(&format!("{list}?surprise=1"), 400, "invalid_query");
    }
    for list in ["/events", "/export"] {
        let reversed = "recorded_from=2026-02-01T00:00:00Z&recorded_to=2026-01-01T00:00:00Z";
        ask(&format!("{list}?{reversed}"), 422, "invalid_filter");
        let reversed = "occurred_from=2026-02-01T00:00:00Z&occurred_to=2026-02-01T00:00:00Z";
        ask(&format!("{list}?{reversed}"), 422, "invalid_filter");
        ask(&format!("{list}?target_id=7"), 422, "invalid_filter");
        for action in ["", "%00", "no%20dot", &"x".repeat(4_000)] {
            ask(&format!("{list}?action={action}"), 422, "invalid_filter");
        }
        for wrong in [
            "recorded_from=yesterday",
            "recorded_to=2026-13-01T00:00:00Z",
            "outcome=maybe",
            "severity=7",
            "actor_id=me",
            "request_id=x",
            "tenant_id=x",
        ] {
            ask(&format!("{list}?{wrong}"), 400, "invalid_query");
        }
    }
    for one in ["", "/entry", "/proof", "/state"] {
        ask(&format!("/events/x{one}"), 400, "invalid_path");
        ask(&format!("/events/{NOBODYS}{one}"), 404, "not_found");
    }
    for wrong in ["", "?from=1", "?from=-1&to=2", "?from=x&to=y"] {
        ask(&format!("/consistency{wrong}"), 400, "invalid_query");
    }
    ask(&format!("/consistency?from=1&to={HUGE}"), 400, "invalid_query");
    ask("/consistency?from=2&to=1", 422, "invalid_range");
    for wrong in ["from=1&to=9000000000000000000", "from=1&to=18446744073709551615"] {
        ask(&format!("/consistency?{wrong}"), 422, "not_signed");
    }
    for tile in [
        "x",
        "0",
        "0/x",
        "99/000",
        "0/000.p/0",
        "0/000.p/257",
        "0/999",
        "entries/999",
        "../key",
    ] {
        ask(&format!("/log/tile/{tile}"), 404, "not_found");
    }
    for wrong in [
        "format=xml",
        "selection=some",
        "selection=whole&action=order.place",
        "selection=selected&first_seq=1",
    ] {
        ask(&format!("/export?{wrong}"), 422, "invalid_export");
    }
    ask("/export?first_seq=9000000000000000000", 422, "not_signed");
    for first in ["-1", "x", HUGE] {
        ask(&format!("/export?first_seq={first}"), 400, "invalid_query");
    }
    ask("/exports/x", 400, "invalid_path");
    ask(&format!("/exports/{NOBODYS}"), 404, "not_found");
    ask("/subjects/x/export", 404, "not_found");
    ask("/reports/everything", 404, "not_found");
    let range = "from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z";
    ask("/reports/exports", 422, "invalid_range");
    ask("/reports/exports?from=2026-01-01T00:00:00Z", 422, "invalid_range");
    ask(
        "/reports/exports?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z",
        422,
        "invalid_range",
    );
    ask("/reports/exports?from=then&to=now", 400, "invalid_query");
    ask(&format!("/reports/integrity?{range}"), 422, "invalid_range");
    ask(&format!("/reports/exports?{range}&limit=0"), 422, "invalid_limit");
    ask(
        &format!("/reports/exports?{range}&cursor=x"),
        400,
        "invalid_cursor",
    );
    ask(
        &format!("/reports/exports?{range}&surprise=1"),
        400,
        "invalid_query",
    );
    all
}

/// What is put to `POST /holds`, status and code.
fn holds() -> Vec<(Value, u16, &'static str)> {
    vec![
        (json!({}), 422, "invalid_body"),
        (json!({ "reason": "" }), 422, "invalid_hold"),
        (json!({ "reason": " " }), 422, "invalid_hold"),
        (json!({ "reason": "x".repeat(257) }), 422, "invalid_hold"),
        (json!({ "reason": "a\u{0}b" }), 422, "invalid_hold"),
        (json!({ "reason": 7 }), 422, "invalid_body"),
        (
            json!({ "reason": "case 1", "target_id": "7" }),
            422,
            "invalid_hold",
        ),
        (
            json!({ "reason": "case 1", "target_kind": "x".repeat(5_000) }),
            422,
            "invalid_hold",
        ),
        (
            json!({ "reason": "case 1", "actor_id": "me" }),
            422,
            "invalid_body",
        ),
        (
            json!({ "reason": "case 1", "recorded_from": "yesterday" }),
            422,
            "invalid_body",
        ),
        (
            json!({ "reason": "case 1", "recorded_from": "2026-02-01T00:00:00Z", "recorded_to": "2026-01-01T00:00:00Z" }),
            422,
            "invalid_hold",
        ),
        (
            json!({ "reason": "case 1", "surprise": true }),
            422,
            "invalid_body",
        ),
        (json!({ "reason": "x".repeat(100_000) }), 413, "body_too_large"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_wrongly_of_the_trail_is_refused_by_a_stable_code_and_changes_nothing() {
    let data = DataDir::new();
    let server = launch(&data).start().await;
    let admin = server.sign_in("acme", "admin@example.com").await;
    eventually("a signed checkpoint", || async {
        let answer = admin.get("/admin/v1/audit/checkpoint").await;
        (answer.status == 200).then_some(())
    })
    .await;
    let changed =
        "select count(*) from platform_audit.event where action like 'audit.%' and action <> 'audit.attest'";
    let before: i64 = one(&data, changed).await;

    let mut wrong = Vec::new();
    let mut judge = |asked: String, answer: &crate::support::Answer, status: u16, code: &str| {
        let answered = match answer.status {
            400.. => answer.verdict(),
            status => (status, answer.text.chars().take(80).collect()),
        };
        if answered != (status, code.to_owned()) {
            wrong.push(format!("{asked}: {answered:?}, not {status} {code}"));
        }
    };
    for (path, status, code) in questions() {
        let answer = admin.get(&format!("/admin/v1/audit{path}")).await;
        judge(path, &answer, status, code);
    }
    for (body, status, code) in holds() {
        let answer = admin.post("/admin/v1/audit/holds", &body).await;
        judge(body.to_string().chars().take(80).collect(), &answer, status, code);
    }
    for (id, status, code) in [("x", 400, "invalid_path"), (NOBODYS, 404, "not_found")] {
        let answer = admin.delete(&format!("/admin/v1/audit/holds/{id}")).await;
        judge(format!("release {id}"), &answer, status, code);
    }
    let head = admin.call(Method::HEAD, "/admin/v1/audit/export", None).await;
    assert_eq!(head.status, 405, "{head:?}");

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(one::<i64>(&data, changed).await, before);
    assert!(admin.all("/admin/v1/audit/holds").await.is_empty());
    server.stop().await.expect(0, &[]);
}
