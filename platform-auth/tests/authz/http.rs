use axum::http::{Method, StatusCode};
use platform_core::axum;
use serde_json::{Value, json};

use super::world::{OPEN, Person, SEND, World};
use crate::support::{Answer, Call};

async fn send(world: &World, who: &Person, method: Method, path: &str, body: Option<Value>) -> Answer {
    let call = Call::new(method, &format!("/admin/v1{path}")).bearer(&who.token);
    let call = match &body {
        Some(body) => call.json(body),
        None => call,
    };
    world.app.send(call).await
}

async fn post(world: &World, path: &str, body: Value) -> Answer {
    send(world, &world.admin, Method::POST, path, Some(body)).await
}

async fn get(world: &World, path: &str) -> Answer {
    send(world, &world.admin, Method::GET, path, None).await
}

fn id(answer: &Answer) -> String {
    answer.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_admin_makes_a_role_a_group_and_a_grant_and_takes_all_of_it_back() {
    let world = World::new().await;
    let ada = world.user("ada").await;

    let role = post(
        &world,
        "/roles",
        json!({ "name": "Opener", "permissions": ["parcels:open"] }),
    )
    .await;
    assert_eq!(role.status, StatusCode::CREATED, "{}", role.text);
    let group = post(&world, "/groups", json!({ "name": "Night shift" })).await;
    assert_eq!(group.status, StatusCode::CREATED, "{}", group.text);
    let member = json!({ "member": { "kind": "user", "id": ada.id } });
    let members = format!("/groups/{}/members", id(&group));
    let membership = post(&world, &members, member).await;
    assert_eq!(membership.status, StatusCode::CREATED, "{}", membership.text);
    let grant = json!({
        "principal": { "kind": "group", "id": id(&group) },
        "role": id(&role),
        "resource": { "kind": "depot", "id": "north" },
        "valid_until": "2026-01-02T04:00:00Z",
        "reason": "ticket 4711",
    });
    let grant = post(&world, "/grants", grant).await;
    assert_eq!(grant.status, StatusCode::CREATED, "{}", grant.text);
    assert_eq!(grant.json()["granted_by"], json!(world.admin.id));
    assert_eq!(grant.json()["valid_until"], "2026-01-02T04:00:00Z");

    let question = format!(
        "/explain?user_id={}&permission=parcels:open&resource_kind=depot&resource_id=north",
        ada.id
    );
    let decision = get(&world, &question).await.json();
    assert_eq!(decision["effect"], "allow");
    assert_eq!(
        (&decision["grant_id"], &decision["role"]),
        (&grant.json()["id"], &grant.json()["role"])
    );
    assert_eq!(decision["via_group_id"], json!(id(&group)));
    let listed = get(&world, &format!("/grants?group_id={}", id(&group)))
        .await
        .json();
    assert_eq!(listed["data"], json!([grant.json()]));
    assert_eq!(
        get(&world, &members).await.json()["data"],
        json!([membership.json()])
    );
    assert_eq!(get(&world, "/roles").await.json()["data"], json!([role.json()]));
    assert_eq!(get(&world, "/groups").await.json()["data"], json!([group.json()]));

    let delete = async |path: String| send(&world, &world.admin, Method::DELETE, &path, None).await;
    delete(format!("/roles/{}", id(&role)))
        .await
        .refused(409, "in_use");
    delete(format!("/groups/{}", id(&group)))
        .await
        .refused(409, "in_use");
    let revoked = delete(format!("/grants/{}", id(&grant))).await;
    assert_eq!(
        (revoked.status, revoked.json()["revoked_by"].clone()),
        (StatusCode::OK, json!(world.admin.id))
    );
    assert_eq!(get(&world, &question).await.json()["effect"], "deny");
    let removed = delete(format!("{members}/{}", id(&membership))).await;
    assert_eq!(removed.json(), membership.json());
    for path in [format!("/roles/{}", id(&role)), format!("/groups/{}", id(&group))] {
        assert_eq!(delete(path.clone()).await.status, StatusCode::NO_CONTENT);
        get(&world, &path).await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn every_refusal_has_a_code_of_its_own() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let role = id(&post(
        &world,
        "/roles",
        json!({ "name": "Opener", "permissions": [OPEN.name()] }),
    )
    .await);
    let [red, green] = ["Red", "Green"].map(|name| post(&world, "/groups", json!({ "name": name })));
    let (red, green) = (id(&red.await), id(&green.await));
    let user = json!({ "kind": "user", "id": ada.id });
    let group = |id: &str| json!({ "member": { "kind": "group", "id": id } });

    let taken = post(&world, "/roles", json!({ "name": "OPENER", "permissions": [] })).await;
    taken.refused(409, "name_taken");
    for (body, field, code) in [
        (
            json!({ "name": "\u{430}dmins", "permissions": [] }),
            "name",
            "invalid_name",
        ),
        (
            json!({ "name": "Other", "permissions": ["parcels:burn"] }),
            "permissions",
            "unknown",
        ),
        (
            json!({ "name": "Other", "permissions": ["parcels:everybodys"] }),
            "permissions",
            "not_assignable",
        ),
    ] {
        let answer = post(&world, "/roles", body).await;
        answer.refused(422, "invalid_body");
        assert_eq!(answer.json()["errors"][0]["field"], field);
        assert_eq!(answer.json()["errors"][0]["code"], code);
    }
    let update = json!({ "version": 7, "name": "Opener", "permissions": [] });
    let stale = send(
        &world,
        &world.admin,
        Method::PUT,
        &format!("/roles/{role}"),
        Some(update),
    )
    .await;
    stale.refused(409, "stale");
    assert_eq!(stale.json()["version"], 1);
    let members = |id: &str| format!("/groups/{id}/members");
    assert_eq!(
        post(&world, &members(&red), group(&green)).await.status,
        StatusCode::CREATED
    );
    post(&world, &members(&red), group(&green))
        .await
        .refused(409, "already_member");
    post(&world, &members(&green), group(&red))
        .await
        .refused(409, "group_cycle");
    for (body, field) in [
        (json!({ "principal": user, "role": "owner" }), "role"),
        (
            json!({ "principal": user, "role": role, "valid_until": "2026-01-01T00:00:00Z" }),
            "valid_until",
        ),
        (json!({ "principal": user, "role": role, "reason": "" }), "reason"),
        (
            json!({ "principal": user, "role": role, "resource": { "kind": "De pot", "id": "x" } }),
            "resource",
        ),
    ] {
        let answer = post(&world, "/grants", body).await;
        answer.refused(422, "invalid_body");
        assert_eq!(answer.json()["errors"][0]["field"], field);
    }
    for query in [
        format!("/grants?user_id={}&group_id={red}", ada.id),
        "/grants?resource_kind=depot".to_owned(),
        "/grants?role=owner".to_owned(),
        format!("/explain?user_id={}&permission=parcels:open&at=tomorrow", ada.id),
        format!(
            "/explain?user_id={}&permission=parcels:open&resource_id=north",
            ada.id
        ),
    ] {
        get(&world, &query).await.refused(422, "invalid_filter");
    }
}

#[tokio::test]
async fn who_gives_away_more_than_they_hold_is_told_what_is_missing_and_recorded() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let role = |name: &str, permissions: Value| {
        let body = json!({ "name": name, "permissions": permissions });
        let world = &world;
        async move { id(&post(world, "/roles", body).await) }
    };
    let manager = role("Manager", json!(["grants:manage"])).await;
    let sender = role("Sender", json!([SEND.name()])).await;
    let grant =
        |who: &Person, role: &str| json!({ "principal": { "kind": "user", "id": who.id }, "role": role });
    assert_eq!(
        post(&world, "/grants", grant(&ada, &manager)).await.status,
        StatusCode::CREATED
    );

    let refused = send(&world, &ada, Method::POST, "/grants", Some(grant(&bob, &sender))).await;
    refused.refused(403, "exceeds_own_rights");
    assert_eq!(refused.json()["permission"], SEND.name());
    let refused = send(&world, &bob, Method::POST, "/grants", Some(grant(&bob, "admin"))).await;
    refused.refused(403, "forbidden");

    let recorded = super::trail::reasons(&world, "access.deny").await;
    assert_eq!(recorded, ["exceeds_own_rights", "forbidden"]);
}

#[tokio::test]
async fn nobody_without_a_permission_reaches_a_route_of_it() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let nobody = world.app.test.sources().uuid_v7();
    let grant = json!({ "principal": { "kind": "user", "id": ada.id }, "role": "admin" });
    let member = json!({ "member": { "kind": "user", "id": ada.id } });
    let role = json!({ "name": "Mine", "permissions": [] });
    let change = json!({ "version": 1, "name": "Mine", "permissions": [] });
    let routes = [
        (Method::GET, "/permissions".to_owned(), None),
        (Method::GET, "/roles".to_owned(), None),
        (Method::POST, "/roles".to_owned(), Some(role)),
        (Method::GET, format!("/roles/{nobody}"), None),
        (Method::PUT, format!("/roles/{nobody}"), Some(change)),
        (Method::DELETE, format!("/roles/{nobody}"), None),
        (Method::GET, "/groups".to_owned(), None),
        (
            Method::POST,
            "/groups".to_owned(),
            Some(json!({ "name": "Mine" })),
        ),
        (Method::GET, format!("/groups/{nobody}"), None),
        (
            Method::PUT,
            format!("/groups/{nobody}"),
            Some(json!({ "version": 1, "name": "Mine" })),
        ),
        (Method::DELETE, format!("/groups/{nobody}"), None),
        (Method::GET, format!("/groups/{nobody}/members"), None),
        (Method::POST, format!("/groups/{nobody}/members"), Some(member)),
        (Method::DELETE, format!("/groups/{nobody}/members/{nobody}"), None),
        (Method::GET, "/grants".to_owned(), None),
        (Method::POST, "/grants".to_owned(), Some(grant)),
        (Method::GET, format!("/grants/{nobody}"), None),
        (Method::DELETE, format!("/grants/{nobody}"), None),
        (
            Method::GET,
            format!("/explain?user_id={}&permission=parcels:open", ada.id),
            None,
        ),
    ];
    for (method, path, body) in routes {
        let answer = send(&world, &ada, method.clone(), &path, body).await;
        answer.refused(403, "forbidden");
        let anonymous = world
            .app
            .send(Call::new(method, &format!("/admin/v1{path}")))
            .await;
        assert_eq!(
            anonymous.status,
            StatusCode::UNAUTHORIZED,
            "{path}: {}",
            anonymous.text
        );
    }
}

#[tokio::test]
async fn the_permissions_say_which_a_tenant_may_assign_and_who_holds_them() {
    let world = World::new().await;

    let listed = get(&world, "/permissions").await.json();

    let listed = listed["data"].as_array().unwrap();
    let find = |name: &str| {
        listed
            .iter()
            .find(|permission| permission["name"] == name)
            .unwrap()
    };
    let expected = json!({
        "name": "parcels:open", "description": "Handle parcels", "assignable": true, "built_in_roles": ["admin"],
    });
    assert_eq!(find("parcels:open"), &expected);
    assert_eq!(find("parcels:everybodys")["assignable"], false);
}
