//! What somebody has to have proved who makes a key.

use std::time::Duration;

use axum::http::Method;
use platform_auth::{ApiKeyError, ApiKeyOwner, ApiKeyRotation, GrantPrincipal, RoleRef};
use platform_core::axum;
use serde_json::json;

use crate::keys::{all, new_key, of_service, own, service, under};
use crate::support::{App, Call};
use crate::world::{OPEN, World, to};

#[tokio::test]
async fn a_key_is_made_and_exchanged_lately_after_a_proof() {
    let world = World::new().await;
    let issued = own(&world, &world.admin, all(&world)).await;
    let auth = &world.app.auth;
    world.app.clock.advance(Duration::from_secs(299));
    let just = world.admin().await;
    world.app.clock.advance(Duration::from_secs(2));
    let late = world.admin().await;

    assert!(
        auth.create_api_key(&just, ApiKeyOwner::Caller, all(&world))
            .await
            .is_ok()
    );
    for ctx in [&late, &world.admin().await] {
        let made = auth.create_api_key(ctx, ApiKeyOwner::Caller, all(&world)).await;
        assert!(matches!(made, Err(ApiKeyError::StepUpRequired(_))), "{made:?}");
    }
    let rotation = ApiKeyRotation {
        overlap: Duration::ZERO,
        expires_at: None,
    };
    let exchanged = auth
        .rotate_api_key(&late, ApiKeyOwner::Caller, issued.key.id, rotation)
        .await;
    assert!(
        matches!(exchanged, Err(ApiKeyError::StepUpRequired(_))),
        "{exchanged:?}"
    );
    let call = Call::post("/api/v1/auth/api-keys").bearer(&world.admin.token);
    let body = json!({ "name": "Key", "scopes": ["all"], "expires_at": "2026-06-01T00:00:00Z" });
    world
        .app
        .send(call.json(&body))
        .await
        .refused(401, "step_up_required");
}

#[tokio::test]
async fn where_the_tenant_asks_for_a_second_factor_a_password_makes_no_key() {
    let world = World::new().await;
    let issued = own(&world, &world.admin, all(&world)).await;
    for rule in ["all", "admins"] {
        let version = u8::from(rule == "admins");
        let body = json!({ "version": version, "settings": { "second_factor": rule } });
        let call = Call::new(Method::PUT, "/admin/v1/policy").bearer(issued.token.expose());
        world.app.send(call.json(&body)).await.expect(200);

        let body = json!({ "name": "Key", "scopes": ["all"], "expires_at": "2026-06-01T00:00:00Z" });
        let call = Call::post("/api/v1/auth/api-keys").bearer(&world.admin.token);
        world
            .app
            .send(call.json(&body))
            .await
            .refused(403, "second_factor_required");
        let path = format!("/api/v1/auth/api-keys/{}/rotate", issued.key.id);
        let call = Call::post(&path).bearer(&world.admin.token);
        world
            .app
            .send(call.json(&json!({})))
            .await
            .refused(403, "second_factor_required");
    }
    // Who administers nothing is let under the second rule.
    let ada = world.user("ada").await;
    own(&world, &ada, all(&world)).await;
}

/// A program has nobody at hand who enters a code.
#[tokio::test]
async fn keys_work_on_in_a_tenant_that_begins_to_ask_for_a_second_factor() {
    let world = World::new().await;
    let personal = own(&world, &world.admin, all(&world)).await;
    let settlement = service(&world, "Settlement").await;
    let role = RoleRef::Custom(world.role("Opener", &[OPEN]).await.id);
    world
        .grant(to(GrantPrincipal::Service(settlement.id), role))
        .await;
    let of_service = of_service(&world, &settlement, new_key(&world, &[OPEN])).await;
    let of_service = of_service.unwrap();
    assert!(world.admin().await.require(OPEN).is_ok());

    let body = json!({ "version": 0, "settings": { "second_factor": "all" } });
    let call = Call::new(Method::PUT, "/admin/v1/policy").bearer(&world.admin.token);
    world.app.send(call.json(&body)).await.expect(200);

    for key in [&personal, &of_service] {
        assert!(under(&world.app, key).await.unwrap().require(OPEN).is_ok());
    }
    assert!(
        world.admin().await.require(OPEN).is_err(),
        "a password alone opens nothing"
    );
    // Nor does a key pass for one: what takes a session takes one that began with a second factor.
    let body = json!({ "name": "Key", "scopes": ["all"], "expires_at": "2026-06-01T00:00:00Z" });
    for (token, code) in [
        (personal.token.expose(), "session_required"),
        (&world.admin.token, "second_factor_required"),
    ] {
        let call = Call::post("/api/v1/auth/api-keys").bearer(token);
        world.app.send(call.json(&body)).await.refused(403, code);
    }
}

#[tokio::test]
async fn whoever_has_not_verified_the_address_makes_no_key_where_mail_is_sent() {
    let app = App::mailing().await;
    let place = app.place().await;
    let stranger = app.user(&place, "ada@example.com").await;
    let owner = app.verified_user(&place, "grace@example.com").await;
    let body = json!({ "name": "Key", "scopes": ["all"], "expires_at": "2026-06-01T00:00:00Z" });

    for (token, status) in [(&stranger, 403), (&owner, 201)] {
        let call = Call::post("/api/v1/auth/api-keys").bearer(token);
        app.send(call.json(&body)).await.expect(status);
    }
}
