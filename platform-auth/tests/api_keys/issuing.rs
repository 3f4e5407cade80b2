use axum::http::{Method, StatusCode};
use platform_auth::RoleRef;
use platform_core::axum;
use serde_json::{Value, json};

use crate::support::{Answer, Call};
use crate::world::{OPEN, Person, SEND, World, to_user};

async fn send(world: &World, who: &str, method: Method, path: &str, body: Option<&Value>) -> Answer {
    let call = Call::new(method, path).bearer(who);
    let call = match body {
        Some(body) => call.json(body),
        None => call,
    };
    world.app.send(call).await
}

async fn create(world: &World, who: &Person, body: &Value) -> Answer {
    send(
        world,
        &who.token,
        Method::POST,
        "/api/v1/auth/api-keys",
        Some(body),
    )
    .await
}

fn key() -> Value {
    json!({ "name": "Nightly report", "scopes": ["parcels:open"], "expires_at": "2026-06-01T00:00:00Z" })
}

fn with(field: &str, value: Value) -> Value {
    let mut key = key();
    key[field] = value;
    key
}

#[tokio::test]
async fn a_user_makes_lists_uses_rotates_and_revokes_a_key() {
    let world = World::new().await;
    let mut new = with("resources", json!([{ "kind": "depot", "id": "north" }]));
    new["addresses"] = json!(["10.0.0.0/8", "::/0"]);

    let made = create(&world, &world.admin, &new).await;

    made.expect(201);
    assert_eq!(made.headers["cache-control"], "no-store");
    let token = made.token();
    let shown = made.json()["key"].clone();
    assert_eq!(
        (
            &shown["name"],
            &shown["scopes"],
            &shown["addresses"],
            &shown["resources"]
        ),
        (&new["name"], &new["scopes"], &new["addresses"], &new["resources"])
    );
    assert_eq!(shown["owner_id"], json!(world.admin.id));
    assert_eq!(shown["owner_kind"], "user");
    assert!(token.starts_with("pak1_") && token.len() == 78);
    let listed = send(
        &world,
        &world.admin.token,
        Method::GET,
        "/api/v1/auth/api-keys",
        None,
    )
    .await;
    assert_eq!(listed.json(), json!({ "data": [shown], "next_cursor": null }));
    let me = Call::get("/api/v1/auth/me").bearer(&token).from("10.1.2.3");
    assert_eq!(world.app.send(me).await.json()["id"], json!(world.admin.id));

    let path = format!("/api/v1/auth/api-keys/{}", shown["id"].as_str().unwrap());
    let rotation = json!({ "overlap_s": 60 });
    let rotated = send(
        &world,
        &world.admin.token,
        Method::POST,
        &format!("{path}/rotate"),
        Some(&rotation),
    )
    .await;
    rotated.expect(201);
    assert_eq!(rotated.json()["key"]["rotated_from"], shown["id"]);
    assert_ne!(rotated.token(), token);
    for _ in 0..2 {
        let revoked = send(&world, &world.admin.token, Method::DELETE, &path, None).await;
        revoked.expect(200);
        assert_eq!(revoked.json()["revoked_by"], json!(world.admin.id));
        assert_eq!(revoked.json()["revoked_at"], "2026-01-02T03:04:05Z");
    }
    let refused = Call::get("/api/v1/auth/me").bearer(&token).from("10.1.2.3");
    world.app.send(refused).await.refused(401, "invalid_token");
    let me = Call::get("/api/v1/auth/me")
        .bearer(&rotated.token())
        .from("10.1.2.3");
    world.app.send(me).await.expect(200);
}

#[tokio::test]
async fn what_is_wrong_with_a_key_is_told_by_field_and_code() {
    let world = World::new().await;
    let depot = json!({ "kind": "depot", "id": "north" });
    let many = |count: usize, item: Value| Value::Array(vec![item; count]);
    for (body, field, code) in [
        (with("name", json!("")), "name", "invalid_name"),
        (with("name", json!("x".repeat(65))), "name", "invalid_name"),
        (with("name", json!("a\nb")), "name", "invalid_name"),
        (with("scopes", json!([])), "scopes", "invalid"),
        (
            with("scopes", json!(["all", "parcels:open"])),
            "scopes",
            "invalid",
        ),
        (
            with("scopes", many(501, json!("parcels:open"))),
            "scopes",
            "invalid",
        ),
        (with("scopes", json!(["parcels:burn"])), "scopes", "unknown"),
        (with("scopes", json!(["ALL"])), "scopes", "unknown"),
        (with("resources", json!([])), "resources", "invalid"),
        (with("resources", many(101, depot)), "resources", "invalid"),
        (
            with("resources", json!([{ "kind": "De pot", "id": "x" }])),
            "resources",
            "invalid",
        ),
        (
            with("resources", json!([{ "kind": "depot", "id": "" }])),
            "resources",
            "invalid",
        ),
        (with("addresses", json!([])), "addresses", "invalid"),
        (
            with("addresses", many(51, json!("10.0.0.0/8"))),
            "addresses",
            "invalid",
        ),
        (with("addresses", json!(["10.0.0.1/8"])), "addresses", "invalid"),
        (with("addresses", json!(["10.0.0.0/33"])), "addresses", "invalid"),
        (with("addresses", json!(["example.com"])), "addresses", "invalid"),
        (
            with("expires_at", json!("2026-01-02T03:04:05Z")),
            "expires_at",
            "out_of_range",
        ),
        (
            with("expires_at", json!("2027-01-02T03:04:06Z")),
            "expires_at",
            "out_of_range",
        ),
        (
            with("expires_at", json!("9999-12-31T23:59:59Z")),
            "expires_at",
            "out_of_range",
        ),
        (
            with("not_before", json!("2026-06-01T00:00:00Z")),
            "expires_at",
            "out_of_range",
        ),
    ] {
        let answer = create(&world, &world.admin, &body).await;
        answer.refused(422, "invalid_body");
        let error = &answer.json()["errors"][0];
        assert_eq!(
            (&error["field"], &error["code"]),
            (&json!(field), &json!(code)),
            "{body}"
        );
    }
    for body in [
        json!({}),
        with("expires_at", json!(null)),
        with("admin", json!(true)),
        json!([]),
    ] {
        let answer = create(&world, &world.admin, &body).await;
        assert!(answer.status.is_client_error(), "{body}: {}", answer.text);
    }
    let latest = with("expires_at", json!("2027-01-02T03:04:05Z"));
    create(&world, &world.admin, &latest).await.expect(201);
}

#[tokio::test]
async fn nobody_makes_a_key_with_scopes_that_they_do_not_hold() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let refused = create(&world, &ada, &key()).await;
    refused.refused(403, "exceeds_own_rights");
    assert_eq!(refused.json()["permission"], OPEN.name());
    let role = world.role("Opener", &[OPEN]).await;
    let mut new = to_user(ada.id, RoleRef::Custom(role.id));
    new.on = crate::world::on("north");
    world.grant(new).await;

    // On something is enough: the key may there what its owner may.
    create(&world, &ada, &key()).await.expect(201);
    let both = with("scopes", json!([OPEN.name(), SEND.name()]));
    create(&world, &ada, &both)
        .await
        .refused(403, "exceeds_own_rights");
    let elsewhere = with("resources", json!([{ "kind": "depot", "id": "south" }]));
    create(&world, &ada, &elsewhere)
        .await
        .refused(403, "exceeds_own_rights");
    // Whatever that is.
    create(&world, &ada, &with("scopes", json!(["all"])))
        .await
        .expect(201);
}

#[tokio::test]
async fn a_list_goes_page_by_page_and_holds_only_ones_own() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    for number in 0..5 {
        let mut body = with("scopes", json!(["all"]));
        body["name"] = json!(format!("Key {number}"));
        create(&world, &ada, &body).await.expect(201);
        create(&world, &world.admin, &body).await.expect(201);
    }
    let mut names = Vec::new();
    let mut path = "/api/v1/auth/api-keys?limit=2".to_owned();
    loop {
        let page = send(&world, &ada.token, Method::GET, &path, None).await.json();
        for key in page["data"].as_array().unwrap() {
            assert_eq!(key["owner_id"], json!(ada.id));
            names.push(key["name"].as_str().unwrap().to_owned());
        }
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/v1/auth/api-keys?limit=2&cursor={cursor}");
    }

    assert_eq!(
        names,
        (0..5).map(|number| format!("Key {number}")).collect::<Vec<_>>()
    );
    let all = send(
        &world,
        &world.admin.token,
        Method::GET,
        "/admin/v1/api-keys",
        None,
    )
    .await;
    assert_eq!(all.json()["data"].as_array().unwrap().len(), 10);
    let of_ada = format!("/admin/v1/api-keys?owner_id={}", ada.id);
    let of_ada = send(&world, &world.admin.token, Method::GET, &of_ada, None).await;
    assert_eq!(of_ada.json()["data"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn an_admin_sees_and_revokes_anybodys_key_and_others_do_not() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let made = create(&world, &ada, &with("scopes", json!(["all"]))).await;
    let id = made.json()["key"]["id"].as_str().unwrap().to_owned();
    let admin = format!("/admin/v1/api-keys/{id}");
    let own = format!("/api/v1/auth/api-keys/{id}");

    for (method, path) in [(Method::GET, &admin), (Method::DELETE, &admin)] {
        send(&world, &bob.token, method, path, None)
            .await
            .refused(403, "forbidden");
    }
    send(&world, &bob.token, Method::GET, "/admin/v1/api-keys", None)
        .await
        .refused(403, "forbidden");
    send(&world, &bob.token, Method::DELETE, &own, None)
        .await
        .refused(404, "not_found");
    // Nor does an admin exchange somebody's key for one that only the admin knows.
    let rotate = format!("{own}/rotate");
    send(
        &world,
        &world.admin.token,
        Method::POST,
        &rotate,
        Some(&json!({})),
    )
    .await
    .refused(404, "not_found");

    let seen = send(&world, &world.admin.token, Method::GET, &admin, None).await;
    assert_eq!(seen.json(), made.json()["key"]);
    let revoked = send(&world, &world.admin.token, Method::DELETE, &admin, None).await;
    assert_eq!(
        (revoked.status, &revoked.json()["revoked_by"]),
        (StatusCode::OK, &json!(world.admin.id))
    );
    let me = Call::get("/api/v1/auth/me").bearer(&made.token());
    world.app.send(me).await.refused(401, "invalid_token");
}
