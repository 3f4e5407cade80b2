use axum::http::Method;
use platform_auth::{
    ApiKeyError, ApiKeyOwner, ApiKeyRotation, ApiKeysOf, GrantPrincipal, NewApiKey, RoleRef,
    SERVICE_PRINCIPALS_MANAGE,
};
use platform_core::axum;
use serde_json::{Value, json};

use crate::keys::{all, new_key, of_service, own, shown};
use crate::support::{Call, PASSWORD};
use crate::world::{OPEN, World, on, to};

/// Every route with which a user changes or sees what the user signs in with, and a body that would do.
fn credential_routes(key: &str) -> Vec<(Method, String, Option<Value>)> {
    let route = |method, path: &str, body: Option<Value>| (method, format!("/api/v1/auth{path}"), body);
    let new = json!({ "name": "Another", "scopes": ["all"], "expires_at": "2026-06-01T00:00:00Z" });
    let mut routes = vec![
        route(
            Method::POST,
            "/password",
            Some(json!({ "old_password": PASSWORD, "new_password": "battery horse correct" })),
        ),
        route(Method::GET, "/credentials", None),
        route(Method::POST, "/totp", Some(json!({ "password": PASSWORD }))),
        route(Method::POST, "/totp/confirm", Some(json!({ "code": "123456" }))),
        route(
            Method::POST,
            "/totp/disable",
            Some(json!({ "password": PASSWORD, "code": "123456" })),
        ),
        route(
            Method::POST,
            "/recovery-codes",
            Some(json!({ "password": PASSWORD, "code": "123456" })),
        ),
        route(Method::POST, "/logout", None),
        route(Method::GET, "/sessions", None),
        route(Method::POST, "/sessions/end-others", None),
        route(Method::DELETE, &format!("/sessions/{key}"), None),
        route(Method::POST, "/step-up", Some(json!({ "password": PASSWORD }))),
        route(Method::GET, "/api-keys", None),
        route(Method::POST, "/api-keys", Some(new)),
        route(Method::POST, &format!("/api-keys/{key}/rotate"), Some(json!({}))),
        route(Method::DELETE, &format!("/api-keys/{key}"), None),
    ];
    if cfg!(feature = "passkeys") {
        routes.extend([
            route(Method::GET, "/passkeys", None),
            route(Method::POST, "/passkeys", Some(json!({ "password": PASSWORD }))),
            route(
                Method::POST,
                "/passkeys/confirm",
                Some(json!({ "challenge": "pwc1_", "credential": {}, "name": "Key" })),
            ),
            route(
                Method::PUT,
                &format!("/passkeys/{key}"),
                Some(json!({ "name": "Key" })),
            ),
            route(
                Method::POST,
                &format!("/passkeys/{key}/remove"),
                Some(json!({ "password": PASSWORD })),
            ),
            route(Method::POST, "/step-up/passkey", None),
            route(
                Method::POST,
                "/step-up/passkey/confirm",
                Some(json!({ "challenge": "pwc1_", "credential": {} })),
            ),
        ]);
    }
    routes
}

/// Routes of a user below `/auth` that no credential can be changed or seen with.
const OTHERS: [&str; 1] = ["/auth/me"];

#[tokio::test]
async fn a_personal_key_does_not_reach_what_its_owner_signs_in_with() {
    let world = World::new().await;
    let issued = own(&world, &world.admin, all(&world)).await;
    let routes = credential_routes(&issued.key.id.to_string());

    for (method, path, body) in &routes {
        let call = Call::new(method.clone(), path).bearer(issued.token.expose());
        let call = match body {
            Some(body) => call.json(body),
            None => call,
        };
        world.app.send(call).await.refused(403, "session_required");
    }

    // Nothing has happened.
    world.app.me(&world.admin.token).await.expect(200);
    world
        .app
        .sign_in(&world.place, "admin@example.com", PASSWORD)
        .await
        .expect(200);
    assert!(crate::keys::under(&world.app, &issued).await.is_ok());
}

/// A route that is added has to be put into one of the two lists.
#[tokio::test]
async fn every_route_below_auth_that_takes_a_caller_is_known_here() {
    let world = World::new().await;
    let document = serde_json::to_value(world.app.auth.api_routes().into_openapi()).unwrap();
    let known: Vec<_> = credential_routes("{id}")
        .into_iter()
        .map(|(method, path, _)| (method.to_string().to_lowercase(), path.replacen("/api/v1", "", 1)))
        .collect();

    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let takes_a_caller = operation.get("security").is_some();
            let is_known = known.contains(&(method.clone(), path.clone())) || OTHERS.contains(&path.as_str());
            assert!(!takes_a_caller || is_known, "{method} {path}");
        }
    }
}

/// A request that was let in while its session ended.
#[tokio::test]
async fn a_session_that_has_ended_meanwhile_leaves_no_key_behind() {
    let world = World::new().await;
    let issued = own(&world, &world.admin, all(&world)).await;
    let ctx = world.admin().await;
    world.app.auth.sign_out(&ctx).await.unwrap();
    let auth = &world.app.auth;

    let made = auth.create_api_key(&ctx, ApiKeyOwner::Caller, all(&world)).await;
    let rotation = ApiKeyRotation::default();
    let rotated = auth
        .rotate_api_key(&ctx, ApiKeyOwner::Caller, issued.key.id, rotation)
        .await;

    assert!(matches!(made, Err(ApiKeyError::SessionRequired)), "{made:?}");
    assert!(
        matches!(rotated, Err(ApiKeyError::SessionRequired)),
        "{rotated:?}"
    );
}

/// Not even one that is less than itself: a leaked key is over when it is revoked.
#[tokio::test]
async fn whatever_a_key_may_do_it_makes_and_exchanges_none() {
    let world = World::new().await;
    let settlement = crate::keys::service(&world, "Settlement").await;
    let role = world.role("Maker", &[SERVICE_PRINCIPALS_MANAGE, OPEN]).await;
    let grant = to(GrantPrincipal::Service(settlement.id), RoleRef::Custom(role.id));
    world.grant(grant).await;
    let scopes = [SERVICE_PRINCIPALS_MANAGE, OPEN];
    let of_service = of_service(&world, &settlement, new_key(&world, &scopes))
        .await
        .unwrap();
    let limited = NewApiKey {
        resources: on("north").map(|on| vec![on]),
        addresses: Some(vec!["192.0.2.0/24".to_owned()]),
        ..all(&world)
    };
    let limited = own(&world, &world.admin, limited).await;
    let auth = &world.app.auth;
    let by = [
        (
            shown(&world.app, limited.token.expose(), Some("192.0.2.7")).await,
            &limited,
        ),
        (
            shown(&world.app, of_service.token.expose(), None).await,
            &of_service,
        ),
    ];

    for (ctx, key) in by {
        let ctx = ctx.unwrap();
        for owner in [ApiKeyOwner::Caller, ApiKeyOwner::Service(settlement.id)] {
            let less = NewApiKey {
                expires_at: world.at(60),
                ..new_key(&world, &[OPEN])
            };
            for new in [less, all(&world)] {
                let made = auth.create_api_key(&ctx, owner, new).await;
                assert!(
                    matches!(
                        made,
                        Err(ApiKeyError::SessionRequired | ApiKeyError::Forbidden(_))
                    ),
                    "{made:?}"
                );
            }
            let rotated = auth
                .rotate_api_key(&ctx, owner, key.key.id, ApiKeyRotation::default())
                .await;
            assert!(
                matches!(
                    rotated,
                    Err(ApiKeyError::SessionRequired | ApiKeyError::Forbidden(_))
                ),
                "{rotated:?}"
            );
        }
    }
    let job = world.job();
    let keys = auth
        .list_api_keys(&job, ApiKeysOf::Anybody, None, 201)
        .await
        .unwrap();
    assert_eq!(keys.len(), 2);
}

#[tokio::test]
async fn a_key_makes_no_keys_not_even_for_a_service_principal() {
    let world = World::new().await;
    let issued = own(&world, &world.admin, all(&world)).await;
    let service = crate::keys::service(&world, "Settlement").await;
    let keys = format!("/admin/v1/service-principals/{}/api-keys", service.id);
    let new = json!({ "name": "Key", "scopes": ["parcels:open"], "expires_at": "2026-06-01T00:00:00Z" });

    let made = Call::post(&keys).bearer(issued.token.expose()).json(&new);
    world.app.send(made).await.refused(403, "session_required");
    let rotate = format!("{keys}/{}/rotate", issued.key.id);
    let rotated = Call::post(&rotate).bearer(issued.token.expose()).json(&json!({}));
    world.app.send(rotated).await.refused(403, "session_required");
    // It may see them, and take them away.
    let listed = Call::get(&keys).bearer(issued.token.expose());
    world.app.send(listed).await.expect(200);
}
