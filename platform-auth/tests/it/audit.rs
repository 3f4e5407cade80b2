use axum::http::StatusCode;
use platform_audit::{Activity, EventPage, RecordedEvent, Retention};
use platform_auth::Role;
use platform_core::{PrincipalId, axum, sqlx};
use serde_json::json;

use crate::support::{App, Call, PASSWORD, Place, credentials};

/// What the trail says of a user, oldest first.
async fn trail(app: &App, place: &Place, user: PrincipalId) -> Vec<RecordedEvent> {
    let ctx = app.test.context(place.id);
    let mut read = app.test.db().read(&ctx).await.unwrap();
    let audit = platform_audit::AuditLog::new(app.test.sources().clone());
    let mut events = audit
        .events_for_target(&mut read, "user", &user.to_string(), EventPage::newest(200))
        .await
        .unwrap();
    events.sort_by_key(|event| event.recorded_at);
    events
}

fn summary(events: &[RecordedEvent]) -> Vec<(&str, &str, Option<&str>)> {
    events
        .iter()
        .map(|event| {
            (
                event.action.as_str(),
                event.outcome.as_str(),
                event.reason.as_deref(),
            )
        })
        .collect()
}

#[tokio::test]
async fn the_trail_tells_the_life_of_a_session() {
    let app = App::new().await;
    let place = app.place().await;
    let register = Call::post("/api/v1/auth/register")
        .at(&place)
        .from("192.0.2.7")
        .header("user-agent", "curl/8")
        .json(&credentials("ada@example.com", PASSWORD));

    let registered = app.send(register).await;
    app.sign_in(&place, "ada@example.com", "wrong horse").await;
    let signed_in = app.sign_in(&place, "ada@example.com", PASSWORD).await;
    app.send(Call::post("/api/v1/auth/logout").bearer(&signed_in.token()))
        .await;

    let user = registered.user_id();
    let events = trail(&app, &place, user).await;
    assert_eq!(
        summary(&events),
        [
            ("auth.register", "success", None),
            ("auth.sign_in", "failure", Some("wrong_password")),
            ("auth.sign_in", "success", None),
            ("auth.sign_out", "success", None),
        ]
    );
    assert_eq!(events[0].source_address.as_deref(), Some("192.0.2.7"));
    assert_eq!(events[0].user_agent.as_deref(), Some("curl/8"));
    for (at, actor) in [(0, Some(user)), (1, None), (2, Some(user)), (3, Some(user))] {
        assert_eq!(events[at].actor_id, actor, "{at}");
        assert_eq!(events[at].session_id.is_some(), actor.is_some(), "{at}");
    }
    assert_eq!(events[2].session_id, events[3].session_id);
    assert_ne!(events[0].session_id, events[2].session_id);
}

#[tokio::test]
async fn a_failure_under_an_unknown_address_is_recorded_masked() {
    let app = App::new().await;
    let place = app.place().await;

    app.sign_in(&place, "stranger@example.com", PASSWORD)
        .await
        .refused(401, "invalid_credentials");

    let mut superuser = app.superuser().await;
    let recorded: Vec<(String, Option<String>, String)> = sqlx::query_as(
        "select reason, target_id, detail ->> 'email' from platform_audit.event where tenant_id = $1
         and action = 'auth.sign_in'",
    )
    .bind(place.id)
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    assert_eq!(
        recorded,
        [("unknown_user".to_owned(), None, "s***@e***.com".to_owned())]
    );
}

#[tokio::test]
async fn a_user_made_by_a_job_is_recorded_as_made_by_it() {
    let app = App::new().await;
    let place = app.place().await;

    let user = app
        .auth
        .ensure_user(place.id, "demo@example.com", PASSWORD.into(), Role::User)
        .await
        .unwrap()
        .id();
    app.auth
        .ensure_user(place.id, "demo@example.com", PASSWORD.into(), Role::User)
        .await
        .unwrap();

    let events = trail(&app, &place, user).await;
    assert_eq!(summary(&events), [("auth.register", "success", None)]);
    assert_eq!(
        (events[0].actor_kind.as_str(), events[0].purpose.as_deref()),
        ("system", Some("ensure user"))
    );
}

#[tokio::test]
async fn what_cannot_be_recorded_does_not_happen() {
    let app = App::own().await;
    let place = app.place().await;
    let token = app.user(&place, "ada@example.com").await;
    let mut superuser = app.superuser().await;
    sqlx::query(
        "alter table platform_audit.event add constraint full_disk check (action = 'none') not valid",
    )
    .execute(&mut superuser)
    .await
    .unwrap();

    app.register(&place, "bob@example.com")
        .await
        .refused(500, "internal");
    app.sign_in(&place, "ada@example.com", PASSWORD)
        .await
        .refused(500, "internal");
    app.sign_in(&place, "ada@example.com", "wrong horse")
        .await
        .refused(500, "internal");
    app.send(Call::post("/api/v1/auth/logout").bearer(&token))
        .await
        .refused(500, "internal");

    assert_eq!(app.me(&token).await.status, StatusCode::OK);
    let counts: (i64, i64) = sqlx::query_as(
        "select (select count(*) from platform_auth.subject), (select count(*) from platform_auth.session)",
    )
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    assert_eq!(counts, (1, 1));
}

#[tokio::test]
async fn an_event_of_a_session_names_it_and_the_one_that_ended_with_it() {
    let app = App::new().await;
    let place = app.place().await;
    let registered = app.register(&place, "ada@example.com").await;
    let again = Call::post("/api/v1/auth/login")
        .bearer(&registered.token())
        .json(&credentials("ada@example.com", PASSWORD));
    app.send(again).await;

    let events = trail(&app, &place, registered.user_id()).await;

    let [registered, signed_in] = &events[..] else {
        panic!("two events: {events:#?}");
    };
    assert_eq!(
        (registered.activity, signed_in.activity),
        (Activity::Create, Activity::SignIn)
    );
    assert_eq!(
        (&registered.retention, &signed_in.retention),
        (&Retention::REGULATORY, &Retention::SECURITY)
    );
    assert_eq!(
        registered.changes,
        Some(json!({
            "role": { "before": null, "after": "user" },
            "status": { "before": null, "after": "active" },
        }))
    );
    let session = |event: &RecordedEvent| event.session_id.unwrap().to_string();
    let target = |event: &RecordedEvent, kind: &str| {
        let found = event.targets.iter().find(|target| target.kind == kind);
        found.map(|target| target.id.clone())
    };
    assert_eq!(target(registered, "session"), Some(session(registered)));
    assert_eq!(target(signed_in, "session"), Some(session(signed_in)));
    assert_eq!(target(signed_in, "replaced_session"), Some(session(registered)));
}
