use std::time::Duration;

use axum::http::{Method, StatusCode};
use futures::future::join_all;
use platform_auth::{AuthConfig, PolicyError, PolicySettings};
use platform_core::{RequestContext, RequestMeta, axum};
use serde_json::{Value, json};

use crate::authenticator::Authenticator;
use crate::support::{App, Call, PASSWORD, Place};
use crate::world::{full_disk, get, put, recorded};

const POLICY: &str = "/admin/v1/policy";

async fn set(app: &App, admin: &str, version: i64, settings: Value) {
    let body = json!({ "version": version, "settings": settings });
    put(app, admin, POLICY, body).await.expect(200);
}

async fn world() -> (App, Place, String) {
    let app = App::new().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    (app, place, admin)
}

#[tokio::test]
async fn a_tenant_that_has_set_nothing_asks_what_the_service_asks() {
    let (app, _, admin) = world().await;

    let policy = get(&app, &admin, POLICY).await.expect(200).json();

    assert_eq!(policy["version"], 0);
    assert_eq!(policy["updated_at"], Value::Null);
    assert_eq!(policy["effective"]["session_idle_s"], 1_800);
    assert_eq!(policy["effective"]["session_absolute_s"], 43_200);
    assert_eq!(policy["effective"]["registration_open"], true);
    assert_eq!(policy["effective"]["second_factor"], "optional");
    assert_eq!(policy["effective"]["password_chars_min"], 8);
}

#[tokio::test]
async fn a_change_holds_at_once_and_is_in_the_trail_with_what_it_was_before() {
    let (app, place, admin) = world().await;

    set(
        &app,
        &admin,
        0,
        json!({ "registration_open": false, "email_domains": ["Example.com"] }),
    )
    .await;
    app.register(&place, "ada@example.com")
        .await
        .refused(403, "registration_closed");
    set(
        &app,
        &admin,
        1,
        json!({ "email_domains": ["example.com"], "password_chars_min": 30 }),
    )
    .await;
    let short = app.register(&place, "ada@example.com").await;
    short.refused(422, "invalid_body");
    assert_eq!(short.json()["errors"][0]["field"], "password");
    set(&app, &admin, 2, json!({ "email_domains": ["example.com"] })).await;
    let elsewhere = app.register(&place, "ada@example.org").await;
    elsewhere.refused(422, "invalid_body");
    assert_eq!(elsewhere.json()["errors"][0]["code"], "domain_not_allowed");
    app.register(&place, "Ada@EXAMPLE.com").await.expect(201);

    let changes: Vec<_> = recorded(&app, &place, "config.change")
        .await
        .into_iter()
        .map(|(_, _, changes, _)| changes.unwrap())
        .collect();
    assert_eq!(
        changes,
        [
            json!({
                "version": { "before": 0, "after": 1 },
                "registration_open": { "before": null, "after": false },
                "domains": { "before": [], "after": ["example.com"] },
            }),
            json!({
                "version": { "before": 1, "after": 2 },
                "registration_open": { "before": false, "after": null },
                "chars_min": { "before": null, "after": 30 },
            }),
            json!({
                "version": { "before": 2, "after": 3 },
                "chars_min": { "before": 30, "after": null },
            }),
        ]
    );
}

#[tokio::test]
async fn of_many_changes_of_one_version_one_is_made() {
    let (app, place, admin) = world().await;
    for version in 0..3 {
        let changes = (0..8).map(|at| {
            let body = json!({ "version": version, "settings": { "password_chars_min": 10 + at } });
            put(&app, &admin, POLICY, body)
        });
        let answers = join_all(changes).await;

        let made: Vec<_> = answers
            .iter()
            .filter(|answer| answer.status == StatusCode::OK)
            .collect();
        assert_eq!(made.len(), 1);
        for answer in answers.iter().filter(|answer| answer.status != StatusCode::OK) {
            answer.refused(409, "stale");
            assert_eq!(answer.json()["version"], version + 1);
        }
        let now = get(&app, &admin, POLICY).await.json();
        assert_eq!(now["settings"], made[0].json()["settings"]);
    }
    assert_eq!(recorded(&app, &place, "config.change").await.len(), 3);
}

#[tokio::test]
async fn an_instance_that_did_not_make_a_change_knows_of_it_within_a_second() {
    let (app, place, _) = world().await;
    let other = App::on(app.test.clone(), AuthConfig::default()).await;
    // Has it in memory now.
    other.register(&place, "ada@example.com").await.expect(201);
    let admin = other.admin(&place).await;
    set(&app, &admin, 0, json!({ "registration_open": false })).await;

    other.clock.advance(Duration::from_secs(1));

    app.register(&place, "bob@example.com")
        .await
        .refused(403, "registration_closed");
    other
        .register(&place, "bob@example.com")
        .await
        .refused(403, "registration_closed");
}

#[tokio::test]
async fn sessions_end_as_early_as_the_tenant_wants() {
    let (app, place, admin) = world().await;
    set(
        &app,
        &admin,
        0,
        json!({ "session_idle_s": 60, "session_absolute_s": 300 }),
    )
    .await;
    let idle = app.sign_in(&place, "admin@example.com", PASSWORD).await.token();
    let used = app.sign_in(&place, "admin@example.com", PASSWORD).await.token();

    app.clock.advance(Duration::from_secs(59));
    app.me(&used).await.expect(200);
    app.clock.advance(Duration::from_secs(1));
    app.me(&idle).await.refused(401, "invalid_token");
    for _ in 0..4 {
        app.me(&used).await.expect(200);
        app.clock.advance(Duration::from_secs(58));
    }
    app.me(&used).await.expect(200);
    app.clock.advance(Duration::from_secs(8));
    app.me(&used).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn who_has_to_have_a_second_factor_may_do_nothing_but_set_one_up() {
    let (app, place, admin) = world().await;
    let ada = app.user(&place, "ada@example.com").await;
    set(&app, &admin, 0, json!({ "second_factor": "admins" })).await;

    get(&app, &admin, "/admin/v1/users")
        .await
        .refused(403, "second_factor_required");
    get(&app, &admin, POLICY)
        .await
        .refused(403, "second_factor_required");
    // No second factor would be enough for who does not have the permission.
    get(&app, &ada, POLICY).await.refused(403, "forbidden");
    app.me(&admin).await.expect(200);
    app.me(&ada).await.expect(200);

    let (_, admin, _) = Authenticator::set_up(&app, &admin).await;
    get(&app, &admin, "/admin/v1/users").await.expect(200);
    set(&app, &admin, 1, json!({ "second_factor": "all" })).await;
    get(&app, &admin, "/admin/v1/users").await.expect(200);
}

#[tokio::test]
async fn everybody_can_be_asked_for_a_second_factor() {
    const READ: platform_core::Permission = platform_core::Permission::new("parcels:read");
    let app = App::with(AuthConfig::default().grant(platform_auth::Role::User, READ)).await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    let ada = app.user(&place, "ada@example.com").await;
    let may = async |token: &str| {
        let ctx = context(&app, token).await;
        ctx.require(READ).is_ok()
    };
    assert!(may(&ada).await);

    set(&app, &admin, 0, json!({ "second_factor": "all" })).await;

    assert!(!may(&ada).await);
    let (_, ada, _) = Authenticator::set_up(&app, &ada).await;
    assert!(may(&ada).await);
}

async fn context(app: &App, token: &str) -> RequestContext {
    let meta = RequestMeta::internal(app.test.sources());
    app.auth.authenticate_token(token, &meta).await.unwrap()
}

#[tokio::test]
async fn a_tenant_can_ask_for_verified_addresses_where_mail_is_sent() {
    let app = App::mailing().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    app.user(&place, "ada@example.com").await;
    app.mails().await;

    set(&app, &admin, 0, json!({ "verified_email": true })).await;

    app.sign_in(&place, "ada@example.com", PASSWORD)
        .await
        .refused(401, "invalid_credentials");
    app.register(&place, "bob@example.com").await.expect(202);
    app.sign_in(&place, "admin@example.com", PASSWORD)
        .await
        .expect(200);
    let deaf = world().await;
    let body = json!({ "version": 0, "settings": { "verified_email": true } });
    let refused = put(&deaf.0, &deaf.2, POLICY, body).await;
    refused.refused(422, "invalid_body");
    assert_eq!(refused.json()["errors"][0]["code"], "no_mail");
}

#[tokio::test]
async fn a_password_is_as_long_as_the_tenant_wants_wherever_it_is_set() {
    let (app, _, admin) = world().await;
    set(&app, &admin, 0, json!({ "password_chars_min": 40 })).await;

    let change = json!({ "old_password": PASSWORD, "new_password": "battery horse correct" });
    let refused = app.post_as(&admin, "password", &change).await;

    refused.refused(422, "invalid_body");
    assert_eq!(
        refused.json()["errors"][0]["message"],
        "a password has at least 40 characters"
    );
    let long = "battery horse correct and three more of them";
    let change = json!({ "old_password": PASSWORD, "new_password": long });
    app.post_as(&admin, "password", &change).await.expect(200);
}

#[tokio::test]
async fn what_the_service_does_not_allow_and_what_is_no_policy_is_refused_and_changes_nothing() {
    let (app, place, admin) = world().await;
    for (settings, field) in [
        (json!({ "session_idle_s": 59 }), "settings.session_idle_s"),
        (json!({ "session_idle_s": 1801 }), "settings.session_idle_s"),
        (
            json!({ "session_absolute_s": 43_201 }),
            "settings.session_absolute_s",
        ),
        (json!({ "password_chars_min": 7 }), "settings.password_chars_min"),
        (json!({ "password_score_min": 2 }), "settings.password_score_min"),
        (
            json!({ "email_domains": ["no domain"] }),
            "settings.email_domains",
        ),
        (
            json!({ "api_key_lifetime_max_s": 1 }),
            "settings.api_key_lifetime_max_s",
        ),
        (json!({ "session_idle_s": -1 }), "settings.session_idle_s"),
        (json!({ "second_factor": "none" }), "settings.second_factor"),
        (
            json!({ "password_chars_min": 256 }),
            "settings.password_chars_min",
        ),
    ] {
        let body = json!({ "version": 0, "settings": settings });
        let answer = put(&app, &admin, POLICY, body.clone()).await;
        answer.refused(422, "invalid_body");
        assert_eq!(answer.json()["errors"][0]["field"], field, "{body}");
    }
    for body in [
        json!({}),
        json!({ "version": 0 }),
        json!({ "version": 0, "settings": {}, "x": 1 }),
    ] {
        put(&app, &admin, POLICY, body).await.refused(422, "invalid_body");
    }
    for version in [-1, 1, i64::MAX] {
        let body = json!({ "version": version, "settings": {} });
        put(&app, &admin, POLICY, body).await.refused(409, "stale");
    }

    assert_eq!(get(&app, &admin, POLICY).await.json()["version"], 0);
    assert!(recorded(&app, &place, "config.change").await.is_empty());
}

#[tokio::test]
async fn the_policy_of_a_tenant_is_nobody_elses() {
    let (app, place, admin) = world().await;
    let ada = app.user(&place, "ada@example.com").await;
    let globex = app.place().await;
    let theirs = app.admin(&globex).await;
    set(&app, &admin, 0, json!({ "registration_open": false })).await;

    get(&app, &ada, POLICY).await.refused(403, "forbidden");
    let body = json!({ "version": 1, "settings": {} });
    put(&app, &ada, POLICY, body).await.refused(403, "forbidden");
    app.send(Call::get(POLICY)).await.refused(401, "unauthenticated");
    // The header does not move anybody.
    let call_there = Call::new(Method::GET, POLICY).bearer(&theirs).at(&place);
    assert_eq!(app.send(call_there).await.json()["version"], 0);
    app.register(&globex, "ada@example.com").await.expect(201);
}

#[tokio::test]
async fn when_the_trail_cannot_be_written_the_policy_stays() {
    let app = App::own().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    let ctx = context(&app, &admin).await;
    full_disk(&app).await;

    let settings = PolicySettings {
        registration_open: Some(false),
        ..PolicySettings::default()
    };
    let refused = app.auth.set_policy(&ctx, 0, settings).await;

    assert!(matches!(refused, Err(PolicyError::Fault(_))), "{refused:?}");
    assert_eq!(get(&app, &admin, POLICY).await.json()["version"], 0);
    let body = json!({ "version": 0, "settings": {} });
    put(&app, &admin, POLICY, body).await.refused(500, "internal");
}
