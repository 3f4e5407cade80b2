use platform_audit::{
    AUDIT_PLATFORM, AUDIT_READ, Activity, Event, EventId, Outcome, Severity, TRAIL_READ, Visibility,
};
use platform_core::axum::http::Method;
use platform_core::uuid::Uuid;
use serde_json::{Value, json};

use crate::app::{Answer, App, token_on_behalf};
use crate::support::{PLACED, SENT};

async fn ids(app: &App, query: &str) -> Vec<String> {
    let list = app.get(&format!("/events{query}")).await.ok().json();
    assert_eq!(list["next_cursor"], Value::Null, "{query}");
    let events = list["data"].as_array().unwrap();
    events
        .iter()
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn an_event_is_answered_with_everything_that_is_stored_of_it() {
    let app = App::new().await;
    let event = Event::new(PLACED, Outcome::Denied)
        .activity(Activity::Create)
        .severity(Severity::Low)
        .target("order", "1")
        .reason("too_large")
        .detail(json!({ "lots": 3 }));
    let id = app.place.record(event).await;
    app.place.integrate().await;

    let event = app.get(&format!("/events/{id}")).await.ok().json();

    for (member, wanted) in [
        ("id", json!(id.to_string())),
        ("seq", json!(0)),
        ("action", json!("order.place")),
        ("action_version", json!(1)),
        ("activity", json!("create")),
        ("outcome", json!("denied")),
        ("reason", json!("too_large")),
        ("severity", json!("low")),
        ("actor_kind", json!("system")),
        ("actor_id", Value::Null),
        ("purpose", json!("test")),
        ("on_behalf_of", Value::Null),
        ("session_id", Value::Null),
        ("targets", json!([{ "kind": "order", "id": "1" }])),
        ("changes", Value::Null),
        ("source_address", Value::Null),
        ("user_agent", Value::Null),
        ("detail", json!({ "lots": 3 })),
        ("retention", json!("regulatory")),
        ("visibility", json!("tenant")),
    ] {
        assert_eq!(event[member], wanted, "{member}");
    }
    assert!(event["recorded_at"].as_str().unwrap().ends_with('Z'));
    let list = app.get("/events").await.ok().json();
    assert_eq!(list, json!({ "data": [event], "next_cursor": null }));
}

#[tokio::test]
async fn a_list_is_narrowed_by_every_parameter() {
    let app = App::new().await;
    let first = Event::new(PLACED, Outcome::Denied)
        .target("order", "a b/&")
        .severity(Severity::High);
    let first = app.place.record(first).await.to_string();
    let second = app
        .place
        .record(Event::new(SENT, Outcome::Success))
        .await
        .to_string();
    let request = app.place.ctx.meta().request_id;
    let recorded = app.get(&format!("/events/{second}")).await.ok().json()["recorded_at"].clone();
    let recorded = recorded.as_str().unwrap();
    let both = vec![second.clone(), first.clone()];
    let nobody = Uuid::from_u128(7);

    for (query, wanted) in [
        (String::new(), both.clone()),
        ("?action=order.place".into(), vec![first.clone()]),
        ("?action=parcel.".into(), vec![second.clone()]),
        ("?target_kind=order".into(), vec![first.clone()]),
        (
            "?target_kind=order&target_id=a%20b%2F%26".into(),
            vec![first.clone()],
        ),
        ("?target_kind=order&target_id=a+b".into(), vec![]),
        ("?outcome=denied".into(), vec![first.clone()]),
        ("?severity=high".into(), vec![first.clone()]),
        (format!("?actor_id={nobody}"), vec![]),
        (format!("?request_id={request}"), both.clone()),
        (format!("?recorded_from={recorded}"), vec![second.clone()]),
        (format!("?recorded_to={recorded}"), vec![first.clone()]),
        (
            "?occurred_from=2020-01-01T00:00:00Z&occurred_to=2090-01-01T00:00:00%2B02:00".into(),
            both,
        ),
        ("?occurred_to=2020-01-01T00:00:00Z".into(), vec![]),
        ("?outcome=denied&action=parcel.".into(), vec![]),
    ] {
        assert_eq!(ids(&app, &query).await, wanted, "{query}");
    }
}

#[tokio::test]
async fn cursors_lead_through_the_whole_list() {
    let app = App::new().await;
    let mut wanted: Vec<String> = app
        .place
        .record_orders(7)
        .await
        .iter()
        .map(EventId::to_string)
        .collect();
    wanted.reverse();

    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app
            .get(&format!("/events?action=order.&limit=3{cursor}"))
            .await
            .ok()
            .json();
        let events = page["data"].as_array().unwrap();
        assert!(events.len() <= 3);
        found.extend(
            events
                .iter()
                .map(|event| event["id"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }

    assert_eq!(found, wanted);
}

#[tokio::test]
async fn what_cannot_be_understood_is_refused_by_name() {
    let app = App::new().await;
    app.place.record_orders(1).await;
    for (query, status, code, field) in [
        ("actors=x", 400, "invalid_query", "actors"),
        ("actor_id=x", 400, "invalid_query", "actor_id"),
        ("request_id=1", 400, "invalid_query", "request_id"),
        ("outcome=maybe", 400, "invalid_query", "outcome"),
        ("severity=HIGH", 400, "invalid_query", "severity"),
        ("recorded_from=yesterday", 400, "invalid_query", "recorded_from"),
        ("recorded_to=2026-01-01", 400, "invalid_query", "recorded_to"),
        ("action=order.&action=parcel.", 400, "invalid_query", "action"),
        (
            "recorded_from=2026-01-02T00:00:00Z&recorded_to=2026-01-01T00:00:00Z",
            422,
            "invalid_filter",
            "recorded_to",
        ),
        (
            "occurred_from=2026-01-01T00:00:00Z&occurred_to=2026-01-01T00:00:00Z",
            422,
            "invalid_filter",
            "occurred_to",
        ),
        (
            "recorded_from=0000-01-01T00:00:00Z",
            422,
            "invalid_filter",
            "recorded_from",
        ),
        ("action=order", 422, "invalid_filter", "action"),
        ("action=", 422, "invalid_filter", "action"),
        ("target_id=1", 422, "invalid_filter", "target_id"),
        ("target_kind=order&target_id=", 422, "invalid_filter", "target_id"),
        (
            "target_kind=order&target_id=a%00b",
            422,
            "invalid_filter",
            "target_id",
        ),
        ("limit=0", 422, "invalid_limit", "limit"),
        ("limit=201", 422, "invalid_limit", "limit"),
        ("limit=99999999999999999999", 422, "invalid_limit", "limit"),
        ("limit=-1", 422, "invalid_limit", "limit"),
    ] {
        let answer = app.get(&format!("/events?{query}")).await;
        assert_eq!(answer.verdict(), (status, code.to_owned()), "{query}");
        assert_eq!(answer.field().0, field, "{query}");
    }
    for cursor in ["x", "IiI", "W10", &"A".repeat(2_000)] {
        let answer = app.get(&format!("/events?cursor={cursor}")).await;
        assert_eq!(answer.verdict(), (400, "invalid_cursor".to_owned()), "{cursor}");
    }
    let answer = app.get("/events/1?x=y").await;
    assert_eq!(answer.verdict(), (400, "invalid_path".to_owned()));
    let unknown = Uuid::from_u128(7);
    assert_eq!(
        app.get(&format!("/events/{unknown}?x=y")).await.verdict(),
        (400, "invalid_query".to_owned())
    );
    assert_eq!(
        app.get(&format!("/events/{unknown}")).await.verdict(),
        (404, "not_found".to_owned())
    );
}

#[tokio::test]
async fn another_tenants_events_are_not_there() {
    let (app, other) = (App::new().await, App::new().await);
    let id = app.place.record_orders(1).await[0];
    app.place.integrate().await;

    for path in ["", "/entry", "/proof", "/state"] {
        app.get(&format!("/events/{id}{path}")).await.ok();
        let answer = other
            .get_as(&[AUDIT_READ, AUDIT_PLATFORM], &format!("/events/{id}{path}"))
            .await;
        assert_eq!(answer.verdict(), (404, "not_found".to_owned()), "{path}");
    }
    assert_eq!(ids(&other, "?action=order.").await, [""; 0]);
}

#[tokio::test]
async fn what_is_hidden_from_the_tenant_is_there_for_the_platform_alone() {
    let app = App::new().await;
    let hidden = app
        .place
        .record(Event::new(SENT, Outcome::Success).visibility(Visibility::Platform))
        .await;
    app.place.integrate().await;

    assert_eq!(ids(&app, "").await, [""; 0]);
    for path in ["", "/entry", "/proof", "/state"] {
        let path = format!("/events/{hidden}{path}");
        assert_eq!(
            app.get(&path).await.verdict(),
            (404, "not_found".to_owned()),
            "{path}"
        );
        app.get_as(&[AUDIT_READ, AUDIT_PLATFORM], &path).await.ok();
    }
}

#[tokio::test]
async fn reading_for_somebody_else_or_what_is_hidden_is_recorded_and_reading_ones_own_is_not() {
    let app = App::new().await;
    app.place.record_orders(1).await;
    let id = ids(&app, "").await[0].clone();
    app.get(&format!("/events/{id}")).await.ok();
    assert_eq!(ids(&app, "?action=audit.").await, [""; 0]);

    app.get_as(&[AUDIT_READ, AUDIT_PLATFORM], "/events?outcome=success")
        .await
        .ok();
    let support = token_on_behalf(app.place.tenant, &[AUDIT_READ]);
    Answer::of(
        app.send(Method::GET, Some(&support), &format!("/events/{id}"))
            .await,
    )
    .await
    .ok();

    let list = app.get("/events?action=audit.read").await.ok().json();
    let recorded = list["data"].as_array().unwrap();
    assert_eq!(recorded.len(), 2);
    assert_eq!(recorded[1]["action"], TRAIL_READ.name());
    assert_eq!(
        recorded[1]["detail"],
        json!({ "what": "events", "filter": { "outcome": "success" } })
    );
    assert_eq!(recorded[1]["actor_id"], app.user.to_string());
    assert_eq!(recorded[1]["activity"], "read");
    assert_eq!(recorded[0]["detail"]["what"], "event");
    assert_eq!(recorded[0]["on_behalf_of"], app.user.to_string());
}
