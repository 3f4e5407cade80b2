use axum::http::Method;
use platform_auth::{ApiKeyToken, AuthenticateError, SessionToken};
use platform_core::testing::assert_tables_isolated;
use platform_core::{TenantId, axum};
use serde_json::{Value, json};

use crate::keys::{all, is_refused, of_service, own, service, shown};
use crate::support::{App, Call};
use crate::world::{World, config};

/// Two tenants on one database.
async fn two() -> (World, World) {
    let ours = World::new().await;
    let theirs = World::on(App::on(ours.app.test.clone(), config()).await).await;
    (ours, theirs)
}

#[tokio::test]
async fn a_key_that_is_malformed_or_forged_is_refused_like_an_unknown_one() {
    let (ours, theirs) = two().await;
    let issued = own(&ours, &ours.admin, all(&ours)).await;
    let token = issued.token.expose();
    let sources = ours.app.test.sources();
    let unknown = ApiKeyToken::generate(ours.place.id, sources);
    // The secret of one tenant under the name of another, with a checksum that is right.
    let moved = |tenant: TenantId| {
        let named = ApiKeyToken::generate(tenant, sources);
        let body = format!("{}{}", &named.expose()[..28], &token[28..71]);
        format!("{body}_{}", checksum(&body))
    };
    let session = SessionToken::generate(ours.place.id, sources);
    let as_key = format!("pak1_{}", &session.expose()[5..71]);
    let forged = [
        unknown.expose().to_owned(),
        moved(theirs.place.id),
        moved(TenantId::generate(sources)),
        format!("{as_key}_{}", checksum(&as_key)),
        token.replacen("pak1_", "pst1_", 1),
        token.replacen("pak1_", "pak2_", 1),
        token.replacen("pak1_", "PAK1_", 1),
        token[..77].to_owned(),
        format!("{token}="),
        format!("{token}{token}"),
        format!("pak1_{}", "A".repeat(7_000)),
        "pak1_".to_owned(),
        "pak1_\u{e9}".to_owned(),
        format!("{token},{token}"),
    ];
    let me = |token: &str| Call::get("/api/v1/auth/me").bearer(token);
    let expected = ours.app.send(me(unknown.expose())).await;
    expected.refused(401, "invalid_token");

    for text in forged {
        assert!(is_refused(&shown(&ours.app, &text, None).await), "{text}");
        // What is no header at all is refused by the one who reads headers.
        let answer = ours.app.send(me(&text)).await;
        assert_eq!(answer.anonymised(), expected.anonymised(), "{text}");
    }
    ours.app.send(me(token)).await.expect(200);
    let twice = me(token).header("authorization", format!("Bearer {token}"));
    ours.app.send(twice).await.refused(400, "duplicate_header");
}

/// As the sixth part of a token has it.
fn checksum(body: &str) -> String {
    use base64::Engine as _;
    let crc = crc32fast::hash(body.as_bytes()).to_be_bytes();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(crc)
}

#[tokio::test]
async fn a_key_that_does_not_hold_is_answered_like_an_unknown_one_whatever_the_reason() {
    let world = World::new().await;
    let admin = world.admin().await;
    let auth = &world.app.auth;
    let of_caller = platform_auth::ApiKeysOf::Caller;
    let revoked = own(&world, &world.admin, all(&world)).await;
    auth.revoke_api_key(&admin, of_caller, revoked.key.id)
        .await
        .unwrap();
    let mut later = all(&world);
    later.not_before = Some(world.at(3_600));
    let later = own(&world, &world.admin, later).await;
    let mut short = all(&world);
    short.expires_at = world.at(1);
    let expired = own(&world, &world.admin, short).await;
    let mut elsewhere = all(&world);
    elsewhere.addresses = Some(vec!["192.0.2.0/24".to_owned()]);
    let elsewhere = own(&world, &world.admin, elsewhere).await;
    let unknown = ApiKeyToken::generate(world.place.id, world.app.test.sources());
    world.set_clock(1);
    let me = async |token: &str| {
        let call = Call::get("/api/v1/auth/me").bearer(token).from("198.51.100.7");
        world.app.send(call).await
    };
    let expected = me(unknown.expose()).await;

    for (which, issued) in [
        ("revoked", revoked),
        ("later", later),
        ("expired", expired),
        ("elsewhere", elsewhere),
    ] {
        let answer = me(issued.token.expose()).await;
        assert_eq!(answer.anonymised(), expected.anonymised(), "{which}");
        assert_eq!(answer.headers.len(), expected.headers.len(), "{which}");
    }
}

#[tokio::test]
async fn an_id_of_another_tenant_is_an_unknown_one_in_every_place() {
    let (ours, theirs) = two().await;
    let their_service = service(&theirs, "Settlement").await;
    let our_service = service(&ours, "Settlement").await;
    let role = theirs.role("Opener", &[crate::world::OPEN]).await;
    let principal = platform_auth::GrantPrincipal::Service(their_service.id);
    theirs
        .grant(crate::world::to(
            principal,
            platform_auth::RoleRef::Custom(role.id),
        ))
        .await;
    let new = crate::keys::new_key(&theirs, &[crate::world::OPEN]);
    let their_key = of_service(&theirs, &their_service, new).await.unwrap();
    let their_own = own(&theirs, &theirs.admin, all(&theirs)).await;
    let nobody = ours.app.test.sources().uuid_v7().to_string();
    let group = ours.group("Night shift").await;

    let calls = |service: &str, key: &str| {
        let new = json!({ "name": "Key", "scopes": ["parcels:open"], "expires_at": "2026-01-03T00:00:00Z" });
        let name = json!({ "version": 1, "name": "Other" });
        let of_service = json!({ "kind": "service", "id": service });
        let of_user = json!({ "kind": "user", "id": service });
        let ours_keys = format!("/admin/v1/service-principals/{}/api-keys", our_service.id);
        let theirs = format!("/admin/v1/service-principals/{service}");
        vec![
            (Method::GET, theirs.clone(), None),
            (Method::PUT, theirs.clone(), Some(name)),
            (Method::DELETE, theirs.clone(), None),
            (Method::POST, format!("{theirs}/disable"), None),
            (Method::POST, format!("{theirs}/enable"), None),
            (Method::GET, format!("{theirs}/api-keys"), None),
            (Method::POST, format!("{theirs}/api-keys"), Some(new)),
            (
                Method::POST,
                format!("{theirs}/api-keys/{key}/rotate"),
                Some(json!({})),
            ),
            (Method::DELETE, format!("{theirs}/api-keys/{key}"), None),
            (Method::POST, format!("{ours_keys}/{key}/rotate"), Some(json!({}))),
            (Method::DELETE, format!("{ours_keys}/{key}"), None),
            (Method::GET, format!("/admin/v1/api-keys/{key}"), None),
            (Method::DELETE, format!("/admin/v1/api-keys/{key}"), None),
            (
                Method::GET,
                format!("/admin/v1/api-keys?owner_id={service}"),
                None,
            ),
            (
                Method::POST,
                format!("/api/v1/auth/api-keys/{key}/rotate"),
                Some(json!({})),
            ),
            (Method::DELETE, format!("/api/v1/auth/api-keys/{key}"), None),
            (Method::GET, format!("/admin/v1/grants?user_id={service}"), None),
            (
                Method::POST,
                "/admin/v1/grants".to_owned(),
                Some(json!({ "principal": of_service, "role": "user" })),
            ),
            // A service principal is no user either.
            (
                Method::POST,
                "/admin/v1/grants".to_owned(),
                Some(json!({ "principal": of_user, "role": "user" })),
            ),
            (
                Method::POST,
                format!("/admin/v1/groups/{}/members", group.id),
                Some(json!({ "member": of_service })),
            ),
            (Method::POST, format!("/admin/v1/users/{service}/erasure"), None),
        ]
    };
    let send = async |method: &Method, path: &str, body: Option<&Value>| {
        let call = Call::new(method.clone(), path).bearer(&ours.admin.token);
        let call = match body {
            Some(body) => call.json(body),
            None => call,
        };
        ours.app.send(call).await
    };
    for key in [&their_key, &their_own] {
        let theirs = calls(&their_service.id.to_string(), &key.key.id.to_string());
        for ((method, path, body), (_, unknown, unknown_body)) in theirs.iter().zip(calls(&nobody, &nobody)) {
            let answer = send(method, path, body.as_ref()).await;
            let unknown = send(method, &unknown, unknown_body.as_ref()).await;

            assert_eq!(answer.anonymised(), unknown.anonymised(), "{method} {path}");
            let is_empty_list = answer.status.is_success() && answer.json()["data"] == json!([]);
            assert!(
                is_empty_list || answer.status.is_client_error(),
                "{method} {path}: {}",
                answer.text
            );
        }
    }

    assert!(shown(&theirs.app, their_key.token.expose(), None).await.is_ok());
    assert!(shown(&theirs.app, their_own.token.expose(), None).await.is_ok());
    // Our own service principal is no user, in our own tenant.
    let path = format!("/admin/v1/users/{}/erasure", our_service.id);
    send(&Method::POST, &path, None).await.refused(404, "not_found");
    send(&Method::GET, &path, None).await.refused(404, "not_found");
}

#[tokio::test]
async fn the_tables_of_keys_are_isolated_and_two_tenants_have_service_principals_of_one_name() {
    let (ours, theirs) = two().await;
    for world in [&ours, &theirs] {
        service(world, "Settlement").await;
        own(world, &world.admin, all(world)).await;
    }

    for (one, other) in [(&ours, &theirs), (&theirs, &ours)] {
        let tables = assert_tables_isolated(&one.app.db, one.place.id, other.place.id).await;
        for table in ["platform_auth.api_key", "platform_auth.subject"] {
            assert!(
                tables.tried.iter().any(|tried| tried == table),
                "{table}: {tables:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_key_holds_on_its_own_tenant_whatever_the_request_names() {
    let (ours, theirs) = two().await;
    let issued = own(&ours, &ours.admin, all(&ours)).await;

    let call = Call::get("/admin/v1/users")
        .bearer(issued.token.expose())
        .at(&theirs.place);
    let users = ours.app.send(call).await;

    users.expect(200);
    assert_eq!(users.json()["data"][0]["id"], json!(ours.admin.id));
    let session = ours
        .app
        .auth
        .authenticate_token(issued.token.expose(), &meta(&ours))
        .await;
    assert!(
        matches!(session, Err(AuthenticateError::InvalidToken)),
        "a key is no session"
    );
    let key = shown(&ours.app, &ours.admin.token, None).await;
    assert!(is_refused(&key), "a session is no key");
}

fn meta(world: &World) -> platform_core::RequestMeta {
    platform_core::RequestMeta::internal(world.app.test.sources())
}
