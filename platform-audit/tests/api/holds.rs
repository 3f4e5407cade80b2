use platform_audit::{AUDIT_EXPORT, AUDIT_HOLD, AUDIT_PLATFORM, AUDIT_READ};
use platform_core::axum::http::Method;
use serde_json::{Value, json};

use crate::app::{Answer, App, token};

const HOLD: &[platform_core::Permission] = &[AUDIT_HOLD];

#[tokio::test]
async fn a_hold_is_placed_listed_and_released() {
    let app = App::new().await;
    let wanted = json!({
        "reason": "case 2026-117",
        "target_kind": "account",
        "target_id": "a-1",
        "actor_id": "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12",
        "recorded_from": "2026-01-01T00:00:00Z",
        "recorded_to": "2026-02-01T00:00:00Z",
    });

    let placed = app.post_as(HOLD, "/holds", &wanted.to_string()).await;

    assert_eq!(placed.status, 201);
    let placed = placed.json();
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&placed[name], value, "{name}");
    }
    assert_eq!(placed["released_at"], Value::Null);
    assert_eq!(
        app.get_as(HOLD, "/holds").await.ok().json()["data"],
        json!([placed])
    );
    let released = release(&app, &placed["id"]).await.ok().json();
    assert_eq!(released["id"], placed["id"]);
    assert!(released["released_at"].is_string());
    assert_eq!(app.get_as(HOLD, "/holds").await.ok().json()["data"], json!([]));
    assert_eq!(
        app.get_as(HOLD, "/holds?released=true").await.ok().json()["data"],
        json!([released])
    );
    assert_eq!(
        release(&app, &placed["id"]).await.verdict(),
        (404, "not_found".to_owned())
    );
}

#[tokio::test]
async fn cursors_lead_through_all_holds() {
    let app = App::new().await;
    let mut placed = vec![];
    for n in 0..5 {
        let body = json!({ "reason": format!("case {n}") }).to_string();
        placed.insert(0, app.post_as(HOLD, "/holds", &body).await.json());
    }

    let (mut found, mut path) = (vec![], "/holds?limit=2".to_owned());
    loop {
        let page = app.get_as(HOLD, &path).await.ok().json();
        found.extend(page["data"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => path = format!("/holds?limit=2&cursor={next}"),
            None => break,
        }
    }

    assert_eq!(found, placed);
}

#[tokio::test]
async fn another_tenants_hold_is_not_there() {
    let app = App::new().await;
    let other = App::new().await;
    let theirs = other.post_as(HOLD, "/holds", r#"{"reason":"case"}"#).await.json();

    assert_eq!(
        release(&app, &theirs["id"]).await.verdict(),
        (404, "not_found".to_owned())
    );
    assert_eq!(
        app.get_as(HOLD, "/holds?released=true").await.ok().json()["data"],
        json!([])
    );
    release(&other, &theirs["id"]).await.ok();
}

#[tokio::test]
async fn a_hold_that_cannot_be_is_refused_by_field() {
    let app = App::new().await;
    let long = "a".repeat(300);
    let bad = [
        (json!({ "reason": "" }), 422, "invalid_hold", "reason"),
        (json!({ "reason": "a\u{0}b" }), 422, "invalid_hold", "reason"),
        (json!({ "reason": long }), 422, "invalid_hold", "reason"),
        (
            json!({ "reason": "case", "target_id": "a-1" }),
            422,
            "invalid_hold",
            "target_id",
        ),
        (
            json!({ "reason": "case", "target_kind": "" }),
            422,
            "invalid_hold",
            "target_id",
        ),
        (
            json!({ "reason": "case", "recorded_from": "2026-02-01T00:00:00Z", "recorded_to": "2026-01-01T00:00:00Z" }),
            422,
            "invalid_hold",
            "recorded_from",
        ),
    ];
    for (body, status, code, field) in bad {
        let answer = app.post_as(HOLD, "/holds", &body.to_string()).await;
        assert_eq!(answer.verdict(), (status, code.to_owned()), "{body}");
        assert_eq!(answer.field().0, field, "{body}");
    }
    for body in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"reason":7}"#,
        r#"{"reason":"case","actor_id":"ann"}"#,
        r#"{"reason":"case","recorded_from":"yesterday"}"#,
        r#"{"reason":"case","more":1}"#,
    ] {
        let answer = app.post_as(HOLD, "/holds", body).await;
        assert!(
            [400, 422].contains(&answer.verdict().0),
            "{body}: {}",
            answer.text()
        );
    }
    for path in [
        "/holds?released=perhaps",
        "/holds?relaesed=true",
        "/holds?cursor=x",
    ] {
        assert_eq!(app.get_as(HOLD, path).await.verdict().0, 400, "{path}");
    }
    for path in ["/holds?limit=0", "/holds?limit=201", "/holds?limit=x"] {
        assert_eq!(
            app.get_as(HOLD, path).await.verdict(),
            (422, "invalid_limit".to_owned()),
            "{path}"
        );
    }
    for id in ["x", "018f2b6e", "../holds"] {
        let id = Value::String(id.to_owned());
        assert!([400, 404].contains(&release(&app, &id).await.verdict().0), "{id}");
    }
    assert_eq!(
        app.get_as(HOLD, "/holds?released=true").await.ok().json()["data"],
        json!([])
    );
}

#[tokio::test]
async fn nobody_places_or_releases_one_without_the_permission_for_it() {
    let app = App::new().await;
    let placed = app.post_as(HOLD, "/holds", r#"{"reason":"case"}"#).await.json();
    let others = [AUDIT_READ, AUDIT_EXPORT, AUDIT_PLATFORM];

    let answer = app.post_as(&others, "/holds", r#"{"reason":"case"}"#).await;
    assert_eq!(answer.verdict(), (403, "forbidden".to_owned()));
    let path = format!("/holds/{}", placed["id"].as_str().unwrap());
    let credential = token(app.place.tenant, &others);
    let answer = Answer::of(app.send(Method::DELETE, Some(&credential), &path).await).await;
    assert_eq!(answer.verdict(), (403, "forbidden".to_owned()));
    let answer = Answer::of(app.send(Method::DELETE, None, &path).await).await;
    assert_eq!(answer.verdict(), (401, "unauthenticated".to_owned()));
    assert_eq!(
        app.get_as(HOLD, "/holds").await.ok().json()["data"],
        json!([placed])
    );
}

async fn release(app: &App, id: &Value) -> Answer {
    let path = format!("/holds/{}", id.as_str().unwrap());
    let credential = token(app.place.tenant, HOLD);
    Answer::of(app.send(Method::DELETE, Some(&credential), &path).await).await
}
