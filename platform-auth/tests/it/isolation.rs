use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform_core::{TenantId, axum};
use serde_json::Value;

use crate::support::{App, Call, PASSWORD};

/// The token with another tenant written into it, under a right checksum.
fn moved_to(token: &str, tenant: TenantId) -> String {
    let tenant = URL_SAFE_NO_PAD.encode(tenant.as_uuid().as_bytes());
    let body = format!("{}{}{}", &token[..5], tenant, &token[27..71]);
    let checksum = URL_SAFE_NO_PAD.encode(crc32fast::hash(body.as_bytes()).to_be_bytes());
    format!("{body}_{checksum}")
}

#[tokio::test]
async fn the_same_address_is_a_user_of_its_own_in_each_tenant() {
    let app = App::new().await;
    let (acme, globex) = (app.place().await, app.place().await);

    let ours = app.register(&acme, "demo@example.com").await;
    app.sign_in(&globex, "demo@example.com", PASSWORD)
        .await
        .refused(401, "invalid_credentials");
    let theirs = app.register(&globex, "demo@example.com").await;

    assert_eq!(
        (ours.status, theirs.status),
        (StatusCode::CREATED, StatusCode::CREATED)
    );
    assert_ne!(ours.user_id(), theirs.user_id());
    assert_eq!(app.me(&ours.token()).await.json()["tenant"]["slug"], acme.slug);
    assert_eq!(
        app.me(&theirs.token()).await.json()["tenant"]["slug"],
        globex.slug
    );
}

#[tokio::test]
async fn a_token_that_is_moved_to_another_tenant_is_answered_like_an_unknown_one() {
    let app = App::new().await;
    let (acme, globex) = (app.place().await, app.place().await);
    let token = app.user(&acme, "demo@example.com").await;
    app.user(&globex, "demo@example.com").await;
    let nowhere = app.test.db().sources().uuid_v7();

    let moved = moved_to(&token, globex.id);
    let lost = moved_to(&token, TenantId::from_stored(nowhere));

    assert_eq!(moved_to(&token, acme.id), token);
    let unknown = app.me("pst1_nonsense").await;
    unknown.refused(401, "invalid_token");
    assert_eq!(app.me(&moved).await.anonymised(), unknown.anonymised());
    assert_eq!(app.me(&lost).await.anonymised(), unknown.anonymised());
}

#[tokio::test]
async fn the_token_decides_the_tenant_whatever_the_header_says() {
    let app = App::new().await;
    let (acme, globex) = (app.place().await, app.place().await);
    let token = app.user(&acme, "demo@example.com").await;

    let me = app
        .send(Call::get("/api/v1/auth/me").bearer(&token).at(&globex))
        .await;

    assert_eq!(me.json()["tenant"]["slug"], acme.slug);
}

/// There is no switching: whoever is a user of two tenants is two users, and signs in twice.
#[tokio::test]
async fn a_session_of_one_tenant_reaches_nothing_of_another_whose_user_has_the_same_address() {
    let app = App::new().await;
    let (acme, globex) = (app.place().await, app.place().await);
    let (ours, their_admin) = (app.admin(&acme).await, app.admin(&globex).await);
    let theirs = app
        .sign_in(&globex, "admin@example.com", PASSWORD)
        .await
        .user_id();

    // Moved there it is nobody's.
    let moved = moved_to(&ours, globex.id);
    for path in ["/api/v1/auth/me", "/admin/v1/users"] {
        app.send(Call::get(path).bearer(&moved).at(&globex))
            .await
            .refused(401, "invalid_token");
    }
    // As it is, it finds nothing of theirs, whatever the request says of the tenant.
    for path in [
        format!("/admin/v1/users/{theirs}"),
        format!("/admin/v1/users/{theirs}/sessions"),
        format!("/admin/v1/users/{theirs}/erasure"),
    ] {
        app.send(Call::get(&path).bearer(&ours).at(&globex))
            .await
            .refused(404, "not_found");
        app.send(Call::get(&path).bearer(&their_admin)).await.expect(200);
    }
    // Signing in there is another session, of another user, and ends this one no more than it uses it.
    let body = crate::support::credentials("admin@example.com", PASSWORD);
    let there = app
        .send(Call::post("/api/v1/auth/login").at(&globex).json(&body))
        .await;
    assert_eq!(there.expect(200).user_id(), theirs);
    app.me(&ours).await.expect(200);
}

#[tokio::test]
async fn an_admin_sees_the_users_of_the_own_tenant_only() {
    let app = App::new().await;
    let (acme, globex) = (app.place().await, app.place().await);
    let admin = app.admin(&acme).await;
    app.user(&globex, "theirs@example.com").await;
    let their_admin = app.admin(&globex).await;

    let listed = app
        .send(Call::get("/admin/v1/users").bearer(&admin).at(&globex))
        .await
        .json();
    let theirs = app
        .send(Call::get("/admin/v1/users?limit=1").bearer(&their_admin))
        .await
        .json();
    let cursor = theirs["next_cursor"].as_str().unwrap();
    let with_their_cursor = app
        .send(Call::get(&format!("/admin/v1/users?cursor={cursor}")).bearer(&admin))
        .await;

    let emails = |page: &Value| -> Vec<String> {
        page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["email"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(emails(&listed), ["admin@example.com"]);
    assert!(!with_their_cursor.text.contains("theirs@example.com"));
}

#[tokio::test]
async fn a_request_without_a_tenant_or_for_an_unknown_one_is_refused() {
    let app = App::new().await;
    let body = crate::support::credentials("ada@example.com", PASSWORD);

    for path in ["/api/v1/auth/register", "/api/v1/auth/login"] {
        app.send(Call::post(path).json(&body))
            .await
            .refused(400, "tenant_required");
        for slug in ["nobody-has-this", "NOT A SLUG", "acme/globex"] {
            app.send(Call::post(path).header("x-tenant", slug).json(&body))
                .await
                .refused(404, "tenant_unknown");
        }
    }
}
