use std::time::Duration;

use axum::http::StatusCode;
use platform_auth::{AuthConfig, Ensured, Role};
use platform_core::pg::{TenantVerb, Tenants};
use platform_core::{PrincipalId, axum};
use serde_json::{Value, json};

use crate::support::{App, Call, PASSWORD, credentials};

#[tokio::test]
async fn a_user_registers_signs_out_and_signs_in_again() {
    let app = App::new().await;
    let place = app.place().await;

    let body = json!({ "email": "Ada@Example.com", "password": PASSWORD, "first_name": "Ada", "last_name": "Lovelace" });
    let registered = app
        .send(Call::post("/api/v1/auth/register").at(&place).json(&body))
        .await;
    assert_eq!(registered.status, StatusCode::CREATED, "{}", registered.text);
    assert_eq!(registered.headers["cache-control"], "no-store");
    let answer = registered.json();
    assert_eq!(answer["expires_at"], "2026-01-02T15:04:05Z");
    assert_eq!(answer["user"]["email"], "Ada@Example.com");
    assert_eq!(answer["user"]["first_name"], "Ada");
    assert_eq!(answer["user"]["last_name"], "Lovelace");
    assert_eq!(answer["user"]["role"], "user");
    assert_eq!(answer["user"]["tenant"]["slug"], place.slug);
    assert_eq!(answer["user"]["tenant"]["id"], place.id.to_string());
    assert_eq!(answer["user"]["created_at"], "2026-01-02T03:04:05Z");

    let me = app.me(&registered.token()).await;
    assert_eq!(me.status, StatusCode::OK);
    assert_eq!(me.json(), answer["user"]);

    let out = app
        .send(Call::post("/api/v1/auth/logout").bearer(&registered.token()))
        .await;
    assert_eq!((out.status, out.text.as_str()), (StatusCode::NO_CONTENT, ""));
    app.me(&registered.token()).await.refused(401, "invalid_token");

    let signed_in = app.sign_in(&place, "ada@example.COM", PASSWORD).await;
    assert_eq!(signed_in.status, StatusCode::OK, "{}", signed_in.text);
    assert_eq!(signed_in.headers["cache-control"], "no-store");
    assert_eq!(signed_in.json()["user"], answer["user"]);
    assert_ne!(signed_in.token(), registered.token());
    assert_eq!(app.me(&signed_in.token()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_routes_are_served_under_the_unversioned_base_too() {
    let app = App::new().await;
    let place = app.place().await;

    let registered = app
        .send(
            Call::post("/api/auth/register")
                .at(&place)
                .json(&credentials("ada@example.com", PASSWORD)),
        )
        .await;
    let signed_in = app
        .send(
            Call::post("/api/auth/login")
                .at(&place)
                .json(&credentials("ada@example.com", PASSWORD)),
        )
        .await;

    assert_eq!(registered.status, StatusCode::CREATED);
    assert_eq!(
        app.send(Call::get("/api/auth/me").bearer(&signed_in.token()))
            .await
            .status,
        StatusCode::OK
    );
    assert_eq!(
        app.send(Call::post("/api/auth/logout").bearer(&signed_in.token()))
            .await
            .status,
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn an_address_is_taken_whatever_its_case() {
    let app = App::new().await;
    let place = app.place().await;
    app.user(&place, "ada@example.com").await;

    let again = app.register(&place, " ADA@example.COM ").await;

    again.refused(409, "email_taken");
    assert_eq!(again.json()["errors"][0]["field"], "email");
}

#[tokio::test]
async fn whatever_is_wrong_the_answer_to_a_failed_sign_in_is_the_same() {
    let app = App::new().await;
    let place = app.place().await;
    app.user(&place, "ada@example.com").await;
    let bob = app.register(&place, "bob@example.com").await.user_id();
    disable(&app, bob).await;

    let wrong = app.sign_in(&place, "ada@example.com", "wrong horse").await;
    let unknown = app.sign_in(&place, "eve@example.com", PASSWORD).await;
    let disabled = app.sign_in(&place, "bob@example.com", PASSWORD).await;
    let malformed = app.sign_in(&place, "not an address", PASSWORD).await;
    let oversized = app.sign_in(&place, "ada@example.com", &"a".repeat(60_000)).await;
    let empty = app.sign_in(&place, "ada@example.com", "").await;

    wrong.refused(401, "invalid_credentials");
    for other in [unknown, disabled, malformed, oversized, empty] {
        assert_eq!(other.anonymised(), wrong.anonymised());
    }
}

async fn disable(app: &App, user: PrincipalId) {
    let sql = format!("update platform_auth.subject set status = 'disabled' where id = '{user}'");
    assert_eq!(app.by_hand("platform_auth.subject", sql).await, 1);
}

#[tokio::test]
async fn disabling_a_user_ends_what_the_user_may_do_at_once() {
    let app = App::new().await;
    let place = app.place().await;
    let bob = app.register(&place, "bob@example.com").await;

    disable(&app, bob.user_id()).await;

    app.me(&bob.token()).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn registration_can_be_closed() {
    let mut config = AuthConfig::default();
    config.registration = false;
    let app = App::with(config).await;
    let place = app.place().await;

    app.register(&place, "ada@example.com")
        .await
        .refused(403, "registration_closed");
}

#[tokio::test]
async fn a_suspended_tenant_takes_no_request_until_it_is_resumed() {
    let app = App::new().await;
    let place = app.place().await;
    let token = app.user(&place, "ada@example.com").await;
    let ctx = app.test.context(place.id);
    let change = async |verb| {
        let mut tx = app.test.db().begin(&ctx).await.unwrap();
        Tenants::new(&app.test.db())
            .transition_in(&mut tx, verb, None)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    };

    let refused = async |visitor: (u16, &str)| {
        app.me(&token).await.refused(403, "tenant_suspended");
        app.sign_in(&place, "ada@example.com", PASSWORD)
            .await
            .refused(visitor.0, visitor.1);
        app.register(&place, "bob@example.com")
            .await
            .refused(visitor.0, visitor.1);
    };

    change(TenantVerb::Suspend).await;
    refused((403, "tenant_suspended")).await;
    change(TenantVerb::Resume).await;
    assert_eq!(app.me(&token).await.status, StatusCode::OK);
    assert_eq!(
        app.sign_in(&place, "ada@example.com", PASSWORD).await.status,
        StatusCode::OK
    );
    // To visitors a closed tenant is not there any more.
    change(TenantVerb::Close).await;
    refused((404, "tenant_unknown")).await;
}

#[tokio::test]
async fn signing_in_anew_ends_the_session_it_came_from() {
    let app = App::new().await;
    let place = app.place().await;
    let before = app.user(&place, "ada@example.com").await;
    app.user(&place, "bob@example.com").await;

    let call = Call::post("/api/v1/auth/login")
        .bearer(&before)
        .json(&credentials("bob@example.com", PASSWORD));
    let after = app.send(call).await;

    assert_eq!(after.json()["user"]["email"], "bob@example.com");
    app.me(&before).await.refused(401, "invalid_token");
    assert_eq!(app.me(&after.token()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_failed_sign_in_leaves_the_session_it_came_from() {
    let app = App::new().await;
    let place = app.place().await;
    let token = app.user(&place, "ada@example.com").await;

    let call = Call::post("/api/v1/auth/login")
        .bearer(&token)
        .json(&credentials("ada@example.com", "wrong horse"));
    app.send(call).await.refused(401, "invalid_credentials");

    assert_eq!(app.me(&token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_admin_pages_through_the_users_in_the_order_they_were_made() {
    let app = App::new().await;
    let place = app.place().await;
    let mut expected = vec!["admin@example.com".to_owned()];
    let admin = app.admin(&place).await;
    for name in 0..6 {
        app.clock.advance(Duration::from_millis(1));
        let email = format!("user{name}@example.com");
        app.user(&place, &email).await;
        expected.push(email);
    }

    let mut listed = Vec::new();
    let mut cursor = None::<String>;
    loop {
        let after = cursor
            .map(|cursor| format!("&cursor={cursor}"))
            .unwrap_or_default();
        let page = app
            .send(Call::get(&format!("/admin/v1/users?limit=3{after}")).bearer(&admin))
            .await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        let page = page.json();
        let users = page["data"].as_array().unwrap();
        assert!(users.len() <= 3);
        listed.extend(
            users
                .iter()
                .map(|user| user["email"].as_str().unwrap().to_owned()),
        );
        match &page["next_cursor"] {
            Value::String(next) => cursor = Some(next.clone()),
            _ => break,
        }
    }

    assert_eq!(listed, expected);
}

#[tokio::test]
async fn only_an_admin_sees_the_users() {
    let app = App::new().await;
    let place = app.place().await;
    let user = app.user(&place, "ada@example.com").await;

    app.send(Call::get("/admin/v1/users").bearer(&user))
        .await
        .refused(403, "forbidden");
    app.send(Call::get("/admin/v1/users").at(&place))
        .await
        .refused(401, "unauthenticated");
    app.send(Call::get("/api/v1/auth/me").at(&place))
        .await
        .refused(401, "unauthenticated");
    app.send(Call::post("/api/v1/auth/logout").at(&place))
        .await
        .refused(401, "unauthenticated");
}

#[tokio::test]
async fn ensuring_a_user_makes_one_and_then_leaves_it_as_it_is() {
    let app = App::new().await;
    let place = app.place().await;
    let ensure =
        |email, password: &'static str, role| app.auth.ensure_user(place.id, email, password.into(), role);

    let made = ensure("demo@example.com", PASSWORD, Role::User).await.unwrap();
    let found = ensure("DEMO@example.com", "another password", Role::Admin)
        .await
        .unwrap();

    assert_eq!(found, Ensured::Existing(made.id()));
    assert_eq!(made, Ensured::Created(made.id()));
    let signed_in = app.sign_in(&place, "demo@example.com", PASSWORD).await;
    assert_eq!(signed_in.json()["user"]["role"], "user");
    app.sign_in(&place, "demo@example.com", "another password")
        .await
        .refused(401, "invalid_credentials");
    assert!(ensure("demo", PASSWORD, Role::User).await.is_err());
    assert!(ensure("demo2@example.com", "short", Role::User).await.is_err());
}
