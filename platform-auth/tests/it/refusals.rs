//! Who was refused is in the trail, and nobody can fill it by asking in vain.

use std::time::Duration;

use axum::http::StatusCode;
use platform_auth::{AuthConfig, RefusalConfig, ThrottleLimit};
use platform_core::pg::{TenantVerb, Tenants};
use platform_core::{PrincipalId, RequestContext, axum, sqlx};
use serde_json::Value;

use crate::support::{App, Call, PASSWORD, Place};

const MINUTE: Duration = Duration::from_secs(60);

fn limited(burst: u32) -> AuthConfig {
    let limit = ThrottleLimit {
        burst,
        recovery: MINUTE,
    };
    let mut config = AuthConfig::default();
    config.refusals = RefusalConfig {
        caller: limit,
        strangers: limit,
        ..RefusalConfig::default()
    };
    config
}

#[derive(Debug, sqlx::FromRow)]
struct Refused {
    reason: Option<String>,
    outcome: String,
    actor_id: Option<PrincipalId>,
    session_id: Option<platform_core::uuid::Uuid>,
    target_id: Option<String>,
    detail: Value,
}

/// The tenant's events of an action, oldest first.
async fn events(app: &App, place: &Place, action: &str) -> Vec<Refused> {
    let ctx = RequestContext::system(place.id, "test", app.test.sources());
    let mut read = app.test.db().read(&ctx).await.unwrap();
    sqlx::query_as(
        "select reason, outcome, actor_id, session_id, target_id, detail from platform_audit.event
         where tenant_id = $1 and action = $2 order by recorded_at",
    )
    .bind(place.id)
    .bind(action)
    .fetch_all(&mut read)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_user_who_may_not_is_refused_and_recorded_with_the_route_and_the_permission() {
    let app = App::new().await;
    let place = app.place().await;
    let ada = app.register(&place, "ada@example.com").await;

    let users = Call::get("/admin/v1/users").bearer(&ada.token());
    app.send(users).await.refused(403, "forbidden");
    let erasure = format!("/admin/v1/users/{}/erasure", ada.user_id());
    app.send(Call::post(&erasure).bearer(&ada.token()))
        .await
        .refused(403, "forbidden");

    let recorded = events(&app, &place, "access.deny").await;
    assert_eq!(recorded.len(), 2);
    for event in &recorded {
        assert_eq!(
            (event.outcome.as_str(), event.reason.as_deref()),
            ("denied", Some("forbidden"))
        );
        assert_eq!(event.actor_id, Some(ada.user_id()));
        assert!(event.session_id.is_some());
    }
    let detail = &recorded[1].detail;
    assert_eq!(detail["method"], "POST");
    // The template: what somebody puts into a path is not the trail's.
    assert_eq!(
        recorded[1].target_id.as_deref(),
        Some("/admin/v1/users/{id}/erasure")
    );
    assert_eq!(detail["detail"], "the permission subjects:erase is needed");
}

#[tokio::test]
async fn a_flood_of_refusals_leaves_a_few_events_and_a_count() {
    let app = App::with(limited(3)).await;
    let place = app.place().await;
    let ada = app.register(&place, "ada@example.com").await;
    let ask = async || {
        let users = Call::get("/admin/v1/users").bearer(&ada.token());
        app.send(users).await.refused(403, "forbidden");
    };

    for _ in 0..40 {
        ask().await;
    }
    app.clock.advance(MINUTE);
    ask().await;

    let recorded = events(&app, &place, "access.deny").await;
    let more: Vec<&Value> = recorded
        .iter()
        .map(|event| &event.detail["more_refused"])
        .collect();
    assert_eq!(more, [&Value::Null, &Value::Null, &Value::Null, &Value::from(37)]);
}

#[tokio::test]
async fn what_was_only_counted_gets_an_event_of_its_own_in_the_end() {
    let app = App::with(limited(1)).await;
    let place = app.place().await;
    let ada = app.register(&place, "ada@example.com").await;
    for _ in 0..5 {
        let users = Call::get("/admin/v1/users").bearer(&ada.token());
        app.send(users).await.refused(403, "forbidden");
    }

    // The counts of this process, whichever test made them.
    app.auth.record_counted_refusals(MINUTE).await.unwrap();
    assert!(events(&app, &place, "auth.count_refusals").await.is_empty());
    app.clock.advance(MINUTE);
    assert_eq!(app.auth.record_counted_refusals(MINUTE).await.unwrap(), 1);
    assert_eq!(app.auth.record_counted_refusals(Duration::ZERO).await.unwrap(), 0);

    let counted = events(&app, &place, "auth.count_refusals").await;
    assert_eq!(counted.len(), 1);
    assert_eq!(counted[0].detail["more_refused"], 4);
    assert_eq!(counted[0].detail["since"], "2026-01-02T03:04:05Z");
}

#[tokio::test]
async fn sign_ins_under_addresses_that_nobody_has_fill_no_trail_either() {
    let app = App::with(limited(2)).await;
    let place = app.place().await;
    app.user(&place, "ada@example.com").await;

    for number in 0..10 {
        app.sign_in(&place, &format!("guess{number}@example.com"), PASSWORD)
            .await
            .refused(401, "invalid_credentials");
    }
    // Who is known has a limit of the account's own.
    for _ in 0..3 {
        app.sign_in(&place, "ada@example.com", "wrong horse")
            .await
            .refused(401, "invalid_credentials");
    }
    app.auth.settle_mail_requests().await;
    app.clock.advance(MINUTE);
    app.sign_in(&place, "guess@example.com", PASSWORD).await;

    let failed = events(&app, &place, "auth.sign_in").await;
    let reasons: Vec<&str> = failed
        .iter()
        .map(|event| event.reason.as_deref().unwrap())
        .collect();
    assert_eq!(
        reasons,
        [
            "unknown_user",
            "unknown_user",
            "wrong_password",
            "wrong_password",
            "wrong_password",
            "unknown_user"
        ]
    );
    assert_eq!(failed[5].detail["more_refused"], 8);
}

#[tokio::test]
async fn throttled_sign_ins_are_counted() {
    let app = App::new().await;
    let place = app.place().await;
    app.user(&place, "ada@example.com").await;

    let mut throttled = 0;
    for _ in 0..15 {
        let answer = app.sign_in(&place, "ada@example.com", "wrong horse").await;
        throttled += u64::from(answer.status == StatusCode::TOO_MANY_REQUESTS);
    }
    app.sign_in(&place, "stranger@example.com", PASSWORD).await;

    assert!(throttled > 0);
    let failed = events(&app, &place, "auth.sign_in").await;
    assert_eq!(failed.last().unwrap().detail["more_refused"], throttled);
}

#[tokio::test]
async fn a_suspended_tenant_and_a_closed_registration_are_refusals_too() {
    let mut config = AuthConfig::default();
    config.registration = false;
    let app = App::with(config).await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    app.register(&place, "bob@example.com")
        .await
        .refused(403, "registration_closed");

    let ctx = app.test.context(place.id);
    let mut tx = app.test.db().begin(&ctx).await.unwrap();
    Tenants::new(&app.test.db())
        .transition_in(&mut tx, TenantVerb::Suspend, None)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    app.me(&admin).await.refused(403, "tenant_suspended");

    let recorded = events(&app, &place, "access.deny").await;
    let reasons: Vec<_> = recorded.iter().map(|event| event.reason.as_deref()).collect();
    assert_eq!(reasons, [Some("registration_closed"), Some("tenant_suspended")]);
    assert_eq!(recorded[0].actor_id, None);
    assert!(recorded[1].actor_id.is_some());
}

#[tokio::test]
async fn whoever_may_not_is_refused_also_when_that_cannot_be_recorded() {
    let app = App::own().await;
    let place = app.place().await;
    let ada = app.register(&place, "ada@example.com").await;
    let mut superuser = app.superuser().await;
    let full = "alter table platform_audit.event add constraint full_disk check (action = 'none') not valid";
    sqlx::query(full).execute(&mut superuser).await.unwrap();
    let users = || Call::get("/admin/v1/users").bearer(&ada.token());

    app.send(users()).await.refused(403, "forbidden");
    app.send(users()).await.refused(403, "forbidden");
    let empty = "alter table platform_audit.event drop constraint full_disk";
    sqlx::query(empty).execute(&mut superuser).await.unwrap();
    app.send(users()).await.refused(403, "forbidden");

    let recorded = events(&app, &place, "access.deny").await;
    assert_eq!(recorded.len(), 1);
    assert_eq!(recorded[0].detail["more_refused"], 2);
}
