//! What a tenant asks of its users, it asks of all tenants below it.

use std::time::Duration;

use axum::http::StatusCode;
use platform_auth::AuthConfig;
use platform_core::axum;
use serde_json::{Value, json};

use crate::authenticator::Authenticator;
use crate::support::{App, PASSWORD, Place};
use crate::world::{Platform, fresh_slug, get, new_tenant, post, put};

const POLICY: &str = "/admin/v1/policy";

/// Three tenants below one another, each with an admin.
struct Line {
    world: Platform,
    top: (Place, String),
    middle: (Place, String),
    bottom: (Place, String),
}

async fn below(world: &Platform, admin: &str) -> (Place, String) {
    let slug = fresh_slug(&world.app);
    let made = post(&world.app, admin, "/admin/v1/tenants", new_tenant(&slug)).await;
    let id = made.expect(201).json()["tenant"]["id"].as_str().unwrap().parse();
    let place = Place {
        id: id.unwrap(),
        slug,
    };
    let admin = world.app.sign_in(&place, "admin@example.com", PASSWORD).await;
    (place, admin.token())
}

async fn line() -> Line {
    let world = Platform::new().await;
    let top = world.make().await;
    let middle = below(&world, &top.1).await;
    let bottom = below(&world, &middle.1).await;
    Line {
        world,
        top,
        middle,
        bottom,
    }
}

impl Line {
    fn app(&self) -> &App {
        &self.world.app
    }
}

async fn set(app: &App, admin: &str, settings: Value) -> Value {
    let version = &get(app, admin, POLICY).await.expect(200).json()["version"];
    let body = json!({ "version": version, "settings": settings });
    put(app, admin, POLICY, body).await.expect(200).json()
}

async fn effective(app: &App, admin: &str) -> Value {
    get(app, admin, POLICY).await.expect(200).json()["effective"].clone()
}

#[tokio::test]
async fn every_setting_of_the_tenants_above_holds_below_and_the_strictest_of_each() {
    let line = line().await;
    let asked = json!({
        "session_idle_s": 600, "session_absolute_s": 7_200, "password_chars_min": 20, "api_key_lifetime_max_s": 86_400,
    });
    set(line.app(), &line.top.1, asked).await;
    let asked = json!({ "session_idle_s": 900, "session_absolute_s": 3_600, "password_score_min": 4, "second_factor": "admins" });
    let refused = put(
        line.app(),
        &line.middle.1,
        POLICY,
        json!({ "version": 0, "settings": asked }),
    );
    // A tenant may ask for more, and for nothing less.
    let refused = refused.await;
    refused.refused(422, "invalid_body");
    assert_eq!(refused.json()["errors"][0]["field"], "settings.session_idle_s");
    set(
        line.app(),
        &line.middle.1,
        json!({ "session_absolute_s": 3_600, "password_score_min": 4 }),
    )
    .await;

    let bottom = effective(line.app(), &line.bottom.1).await;

    assert_eq!(
        bottom,
        json!({
            "session_idle_s": 600, "session_absolute_s": 3_600, "registration_open": true, "verified_email": false,
            "second_factor": "optional", "password_chars_min": 20, "password_score_min": 4, "email_domains": [],
            "api_key_lifetime_max_s": 86_400,
        })
    );
    let own = get(line.app(), &line.bottom.1, POLICY).await.json();
    assert_eq!(
        (&own["version"], &own["settings"]["session_idle_s"]),
        (&json!(0), &Value::Null)
    );
    for (field, value) in [
        ("session_idle_s", json!(601)),
        ("session_absolute_s", json!(3_601)),
        ("password_chars_min", json!(19)),
        ("password_score_min", json!(3)),
        ("api_key_lifetime_max_s", json!(86_401)),
    ] {
        let body = json!({ "version": 0, "settings": { field: value } });
        let refused = put(line.app(), &line.bottom.1, POLICY, body).await;
        refused.refused(422, "invalid_body");
        assert_eq!(refused.json()["errors"][0]["field"], format!("settings.{field}"));
    }
    // What is asked of those above is nobody's below to say.
    let top = effective(line.app(), &line.top.1).await;
    assert_eq!(
        (&top["session_absolute_s"], &top["password_score_min"]),
        (&json!(7_200), &json!(3))
    );
}

#[tokio::test]
async fn a_tenant_above_asks_for_a_second_factor_and_no_tenant_below_can_do_without() {
    let line = line().await;
    let (_, top, _) = Authenticator::set_up(line.app(), &line.top.1).await;
    let before = &line.bottom.1;
    get(line.app(), before, "/admin/v1/users").await.expect(200);

    set(line.app(), &top, json!({ "second_factor": "all" })).await;

    for admin in [&line.middle.1, before] {
        get(line.app(), admin, "/admin/v1/users")
            .await
            .refused(403, "second_factor_required");
    }
    let (_, bottom, _) = Authenticator::set_up(line.app(), before).await;
    get(line.app(), &bottom, "/admin/v1/users").await.expect(200);
    assert_eq!(effective(line.app(), &bottom).await["second_factor"], "all");
    // Less is taken and changes nothing, as where the service is stricter.
    let asked = set(line.app(), &bottom, json!({ "second_factor": "admins" })).await;
    assert_eq!(
        (
            &asked["settings"]["second_factor"],
            &asked["effective"]["second_factor"]
        ),
        (&json!("admins"), &json!("all"))
    );
    set(line.app(), &top, json!({})).await;
    assert_eq!(effective(line.app(), &bottom).await["second_factor"], "admins");
}

#[tokio::test]
async fn sessions_and_passwords_below_are_as_a_tenant_above_asks() {
    let line = line().await;
    let asked = json!({ "session_idle_s": 60, "session_absolute_s": 300, "password_chars_min": 30 });
    set(line.app(), &line.top.1, asked).await;
    let app = line.app();
    app.register(&line.bottom.0, "ada@example.com")
        .await
        .refused(422, "invalid_body");
    let sign_in = async || {
        app.sign_in(&line.bottom.0, "admin@example.com", PASSWORD)
            .await
            .token()
    };
    let (idle, used) = (sign_in().await, sign_in().await);

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

/// Whoever registers at a tenant is not for another one to say.
#[tokio::test]
async fn who_may_register_is_each_tenants_own_to_say() {
    let line = line().await;
    let asked = json!({ "registration_open": false, "email_domains": ["example.org"] });

    set(line.app(), &line.top.1, asked).await;

    line.app()
        .register(&line.top.0, "ada@example.com")
        .await
        .refused(403, "registration_closed");
    let below = line.app().register(&line.bottom.0, "ada@example.com").await;
    assert_eq!(below.status, StatusCode::CREATED);
}

#[tokio::test]
async fn an_instance_that_did_not_make_a_change_asks_below_for_it_within_a_second() {
    let line = line().await;
    let mut config = AuthConfig::default();
    config.platform_tenant = Some(line.world.home.id);
    let other = App::on(line.app().test.clone(), config).await;
    let there = |path| get(&other, &line.bottom.1, path);
    there("/admin/v1/users").await.expect(200);

    set(line.app(), &line.top.1, json!({ "second_factor": "admins" })).await;

    there("/admin/v1/users").await.expect(200);
    other.clock.advance(Duration::from_secs(1));
    there("/admin/v1/users")
        .await
        .refused(403, "second_factor_required");
}
