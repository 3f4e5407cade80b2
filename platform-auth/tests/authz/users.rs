//! Users that admins make, and what they are to the tenant.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use platform_auth::{
    AuthConfig, AuthzError, MailConfig, Role, RoleRef, ThrottleLimit, USERS_MANAGE, UserStatus,
};
use platform_core::{PrincipalId, axum, sqlx};
use serde_json::json;

use super::world::{Person, World, to_user};
use crate::postbox::Postbox;
use crate::support::{Answer, App, Call, PASSWORD};

const FIRST: &str = "seven swans on a lake";

async fn send(world: &World, who: &Person, method: Method, path: &str, body: serde_json::Value) -> Answer {
    let call = Call::new(method, &format!("/admin/v1{path}")).bearer(&who.token);
    world.app.send(call.json(&body)).await
}

fn new_user(email: &str) -> serde_json::Value {
    json!({ "email": email, "password": FIRST, "first_name": "Ada" })
}

/// Somebody who may make users and nothing else.
async fn manager(world: &World) -> Person {
    let manager = world.user("manager").await;
    let role = world.role("Reception", &[USERS_MANAGE]).await;
    world.grant(to_user(manager.id, RoleRef::Custom(role.id))).await;
    manager
}

#[tokio::test]
async fn an_admin_makes_a_user_who_signs_in() {
    let world = World::new().await;

    let made = send(
        &world,
        &world.admin,
        Method::POST,
        "/users",
        new_user("ada@example.com"),
    )
    .await;

    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let made = made.json();
    assert_eq!(
        (&made["role"], &made["status"]),
        (&json!("user"), &json!("active"))
    );
    let path = format!("/admin/v1/users/{}", made["id"].as_str().unwrap());
    let call = Call::get(&path).bearer(&world.admin.token);
    assert_eq!(world.app.send(call).await.json(), made);
    world
        .app
        .sign_in(&world.place, "ada@example.com", FIRST)
        .await
        .expect(200);
}

#[tokio::test]
async fn who_makes_users_makes_them_in_no_role_that_gives_more_than_the_maker_holds() {
    let world = World::new().await;
    let manager = manager(&world).await;

    let made = send(
        &world,
        &manager,
        Method::POST,
        "/users",
        new_user("ada@example.com"),
    )
    .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let mut admin = new_user("eve@example.com");
    admin["role"] = json!("admin");
    send(&world, &manager, Method::POST, "/users", admin)
        .await
        .refused(403, "exceeds_own_rights");
    let path = format!("/users/{}/role", made.json()["id"].as_str().unwrap());
    send(&world, &manager, Method::PUT, &path, json!({ "role": "admin" }))
        .await
        .refused(403, "exceeds_own_rights");

    world
        .app
        .sign_in(&world.place, "eve@example.com", FIRST)
        .await
        .refused(401, "invalid_credentials");
}

#[tokio::test]
async fn without_the_permission_nobody_makes_or_changes_users() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let path = format!("/users/{}/role", ada.id);

    for (method, path, body) in [
        (Method::POST, "/users", new_user("eve@example.com")),
        (Method::POST, "/users", json!({ "email": "\0" })),
        (Method::PUT, path.as_str(), json!({ "role": "admin" })),
    ] {
        let refused = send(&world, &ada, method, path, body).await;
        assert!(matches!(refused.status.as_u16(), 403 | 422), "{}", refused.text);
    }
    assert_eq!(world.ctx(&ada).await.require(USERS_MANAGE).ok(), None);
}

#[tokio::test]
async fn a_role_that_is_set_holds_from_the_next_request_on() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    assert!(world.ctx(&ada).await.require(USERS_MANAGE).is_err());
    let path = format!("/users/{}/role", ada.id);

    for (role, holds) in [("admin", true), ("admin", true), ("user", false)] {
        send(&world, &world.admin, Method::PUT, &path, json!({ "role": role }))
            .await
            .expect(204);
        assert_eq!(
            world.ctx(&ada).await.require(USERS_MANAGE).is_ok(),
            holds,
            "{role}"
        );
    }
}

#[tokio::test]
async fn of_two_admins_who_take_each_others_role_at_once_one_is_left() {
    for _ in 0..8 {
        let world = World::new().await;
        let ada = world.user("ada").await;
        let auth = &world.app.auth;
        let admin = world.admin().await;
        auth.set_user_role(&admin, ada.id, Role::Admin).await.unwrap();
        let second = world.ctx(&ada).await;

        let (one, other) = tokio::join!(
            auth.set_user_role(&admin, ada.id, Role::User),
            auth.set_user_role(&second, world.admin.id, Role::User),
        );

        assert_eq!(
            u8::from(one.is_ok()) + u8::from(other.is_ok()),
            1,
            "{one:?} {other:?}"
        );
    }
}

#[tokio::test]
async fn the_last_admin_stays_one() {
    let world = World::new().await;
    let refused = world
        .app
        .auth
        .set_user_role(&world.admin().await, world.admin.id, Role::User)
        .await;

    assert!(matches!(refused, Err(AuthzError::LastAdmin)), "{refused:?}");
    assert!(world.admin().await.require(USERS_MANAGE).is_ok());
}

#[tokio::test]
async fn users_of_another_tenant_are_as_unknown_as_nobody() {
    let world = World::new().await;
    let other = World::on(crate::support::App::with(super::world::config()).await).await;
    let theirs = other.user("ada").await;
    let nobody = PrincipalId::generate(world.app.test.sources());

    for id in [theirs.id, nobody] {
        let path = format!("/admin/v1/users/{id}");
        let call = Call::get(&path).bearer(&world.admin.token);
        world.app.send(call).await.refused(404, "not_found");
        let path = format!("/users/{id}/role");
        send(
            &world,
            &world.admin,
            Method::PUT,
            &path,
            json!({ "role": "admin" }),
        )
        .await
        .refused(404, "not_found");
    }
}

#[tokio::test]
async fn a_user_that_cannot_be_made_is_not_and_says_why() {
    let world = World::new().await;
    for (body, code) in [
        (new_user("nobody"), "invalid_body"),
        (
            json!({ "email": "a@example.com", "password": "password1" }),
            "invalid_body",
        ),
        (
            json!({ "email": "a@example.com", "password": FIRST, "role": "root" }),
            "invalid_body",
        ),
        (
            json!({ "email": "a@example.com", "password": FIRST, "id": 1 }),
            "invalid_body",
        ),
        (
            json!({ "email": "a@example.com", "password": "x".repeat(1_025) }),
            "invalid_body",
        ),
    ] {
        send(&world, &world.admin, Method::POST, "/users", body)
            .await
            .refused(422, code);
    }
    send(
        &world,
        &world.admin,
        Method::POST,
        "/users",
        new_user("Admin@Example.com"),
    )
    .await
    .refused(409, "email_taken");
    let admin = world.app.auth.user(&world.admin().await, world.admin.id).await;
    let admin = admin.unwrap().unwrap();
    assert_eq!((admin.role, admin.status), (Role::Admin, UserStatus::Active));
    world
        .app
        .sign_in(&world.place, "admin@example.com", PASSWORD)
        .await
        .expect(200);
}

#[tokio::test]
async fn the_trail_names_the_admin_and_the_user() {
    let world = World::new().await;
    let ada = world.user("ada").await;

    let path = format!("/users/{}/role", ada.id);
    send(
        &world,
        &world.admin,
        Method::PUT,
        &path,
        json!({ "role": "admin" }),
    )
    .await
    .expect(204);

    let mut superuser = world.app.superuser().await;
    let recorded: Vec<(PrincipalId, serde_json::Value)> = sqlx::query_as(
        "select actor_id, changes::jsonb from platform_audit.event
         where tenant_id = $1 and action = 'access.role_set' and targets::jsonb @> $2",
    )
    .bind(world.place.id)
    .bind(json!([{ "kind": "user", "id": ada.id }]))
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    assert_eq!(recorded.len(), 1);
    assert_eq!(recorded[0].0, world.admin.id);
    assert!(recorded[0].1.to_string().contains("admin"), "{recorded:?}");
}

/// Whoever made the user knows the password, and is not to keep a way in.
#[tokio::test]
async fn a_user_with_a_password_of_the_admins_verifies_the_address_with_one_of_its_own() {
    let world = World::on(App::mailing_with(crate::world::config()).await).await;
    let app = &world.app;
    send(
        &world,
        &world.admin,
        Method::POST,
        "/users",
        new_user("ada@example.com"),
    )
    .await
    .expect(201);
    let mails = app.mails().await;
    let mail = mails.iter().find(|mail| mail.to == "ada@example.com").unwrap();
    let ada = app.sign_in(&world.place, "ada@example.com", FIRST).await.token();
    let maker = app.sign_in(&world.place, "ada@example.com", FIRST).await.token();

    let body = json!({ "token": mail.token() });
    app.post_as(&ada, "email/verify", &body)
        .await
        .refused(422, "invalid_body");
    let body = json!({ "token": mail.token(), "new_password": "another correct horse" });
    app.post_as(&ada, "email/verify", &body).await.expect(204);

    app.me(&maker).await.refused(401, "invalid_token");
    app.sign_in(&world.place, "ada@example.com", FIRST)
        .await
        .refused(401, "invalid_credentials");
    app.sign_in(&world.place, "ada@example.com", "another correct horse")
        .await
        .expect(200);
}

/// Each of them gets a letter.
#[tokio::test]
async fn so_many_users_are_made_where_mail_is_sent_and_each_tenant_has_its_own_number() {
    let mut config = AuthConfig::default();
    let mut mail = MailConfig::new(Arc::new(Postbox::default()));
    mail.made_users = ThrottleLimit {
        burst: 2,
        recovery: Duration::from_secs(60),
    };
    config.mail = Some(mail);
    let app = App::mailing_with(config).await;
    let (place, other) = (app.place().await, app.place().await);
    let (admin, theirs) = (app.admin(&place).await, app.admin(&other).await);
    let make = async |admin: &str, email: &str| {
        let call = Call::post("/admin/v1/users").bearer(admin);
        app.send(call.json(&new_user(email))).await
    };
    make(&admin, "u0@example.com").await.expect(201);
    // What cannot be made counts too.
    make(&admin, "u0@example.com").await.refused(409, "email_taken");

    let refused = make(&admin, "u1@example.com").await;

    refused.refused(429, "too_many_attempts");
    assert_eq!(refused.headers["retry-after"], "60");
    make(&theirs, "u1@example.com").await.expect(201);
    app.clock.advance(Duration::from_secs(60));
    make(&admin, "u1@example.com").await.expect(201);
    make(&admin, "u2@example.com")
        .await
        .refused(429, "too_many_attempts");
    assert_eq!(app.mails().await.len(), 3);
}
