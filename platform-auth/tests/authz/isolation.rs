use axum::http::{Method, StatusCode};
use platform_auth::{AuthzError, GrantPrincipal, Member, RoleRef};
use platform_core::axum;
use platform_core::testing::assert_tables_isolated;
use serde_json::{Value, json};

use super::world::{OPEN, World, config, new_role, on, to, to_user};
use crate::support::{App, Call};

/// Two tenants on one service with the same names.
async fn two() -> (World, World) {
    let ours = World::new().await;
    let theirs = World::on(App::on(ours.app.test.clone(), config()).await).await;
    (ours, theirs)
}

#[tokio::test]
async fn two_tenants_have_roles_and_groups_of_the_same_names() {
    let (ours, theirs) = two().await;
    let one = ours.role("Opener", &[OPEN]).await;
    let other = theirs.role("Opener", &[]).await;
    ours.group("Night shift").await;
    theirs.group("Night shift").await;
    let ada = ours.user("ada").await;
    let their_ada = theirs.user("ada").await;
    ours.grant(to_user(ada.id, RoleRef::Custom(one.id))).await;
    theirs
        .grant(to_user(their_ada.id, RoleRef::Custom(other.id)))
        .await;

    assert!(ours.ctx(&ada).await.require(OPEN).is_ok());
    assert!(theirs.ctx(&their_ada).await.require(OPEN).is_err());
    let listed = ours
        .app
        .auth
        .list_roles(&ours.admin().await, None, 10)
        .await
        .unwrap();
    assert_eq!(listed, [one]);
}

#[tokio::test]
async fn an_id_of_another_tenant_is_an_unknown_one_in_every_place() {
    let (ours, theirs) = two().await;
    let their_role = theirs.role("Opener", &[OPEN]).await;
    let their_group = theirs.group("Night shift").await;
    let their_user = theirs.user("bob").await;
    let their_grant = theirs
        .grant(to_user(their_user.id, RoleRef::Custom(their_role.id)))
        .await;
    let theirs_in = theirs
        .put(Member::User(their_user.id), their_group.id)
        .await
        .unwrap();
    let (role, group, ada) = (
        ours.role("Opener", &[OPEN]).await,
        ours.group("Day").await,
        ours.user("ada").await,
    );
    let nobody = ours.app.test.sources().uuid_v7();

    let calls = |role_id: String, group_id: String, user_id: String, grant_id: String, member_id: String| {
        let grant = |principal: Value, role: &str| json!({ "principal": principal, "role": role });
        let user = |id: &str| json!({ "kind": "user", "id": id });
        let of_group = |id: &str| json!({ "kind": "group", "id": id });
        let change = json!({ "version": 1, "name": "Other", "permissions": [] });
        let name = json!({ "version": 1, "name": "Other" });
        let path = |path: &str, id: &str| format!("/admin/v1/{path}/{id}");
        vec![
            (Method::GET, path("roles", &role_id), None),
            (Method::PUT, path("roles", &role_id), Some(change)),
            (Method::DELETE, path("roles", &role_id), None),
            (Method::GET, path("groups", &group_id), None),
            (Method::PUT, path("groups", &group_id), Some(name)),
            (Method::DELETE, path("groups", &group_id), None),
            (Method::GET, format!("/admin/v1/groups/{group_id}/members"), None),
            (
                Method::POST,
                format!("/admin/v1/groups/{group_id}/members"),
                Some(json!({ "member": user(&ada.id.to_string()) })),
            ),
            (
                Method::POST,
                format!("/admin/v1/groups/{}/members", group.id),
                Some(json!({ "member": user(&user_id) })),
            ),
            (
                Method::POST,
                format!("/admin/v1/groups/{}/members", group.id),
                Some(json!({ "member": of_group(&group_id) })),
            ),
            (
                Method::DELETE,
                format!("/admin/v1/groups/{group_id}/members/{member_id}"),
                None,
            ),
            (
                Method::DELETE,
                format!("/admin/v1/groups/{}/members/{member_id}", group.id),
                None,
            ),
            (Method::GET, path("grants", &grant_id), None),
            (Method::DELETE, path("grants", &grant_id), None),
            (
                Method::POST,
                "/admin/v1/grants".to_owned(),
                Some(grant(user(&user_id), "user")),
            ),
            (
                Method::POST,
                "/admin/v1/grants".to_owned(),
                Some(grant(of_group(&group_id), "user")),
            ),
            (
                Method::POST,
                "/admin/v1/grants".to_owned(),
                Some(grant(user(&ada.id.to_string()), &role_id)),
            ),
            (Method::GET, format!("/admin/v1/grants?user_id={user_id}"), None),
            (Method::GET, format!("/admin/v1/grants?group_id={group_id}"), None),
            (Method::GET, format!("/admin/v1/grants?role={role_id}"), None),
            (
                Method::GET,
                format!("/admin/v1/explain?user_id={user_id}&permission=parcels:open"),
                None,
            ),
        ]
    };
    let of_theirs = calls(
        their_role.id.to_string(),
        their_group.id.to_string(),
        their_user.id.to_string(),
        their_grant.id.to_string(),
        theirs_in.id.to_string(),
    );
    let of_nobody = calls(
        nobody.to_string(),
        nobody.to_string(),
        nobody.to_string(),
        nobody.to_string(),
        nobody.to_string(),
    );
    for ((method, path, body), (_, unknown, unknown_body)) in of_theirs.into_iter().zip(of_nobody) {
        let send = async |path: &str, body: Option<Value>| {
            let call = Call::new(method.clone(), path).bearer(&ours.admin.token);
            let call = match &body {
                Some(body) => call.json(body),
                None => call,
            };
            ours.app.send(call).await
        };
        let (answer, unknown) = (send(&path, body).await, send(&unknown, unknown_body).await);

        assert_eq!(answer.anonymised(), unknown.anonymised(), "{method} {path}");
        let is_empty_list = answer.status == StatusCode::OK && answer.json()["data"] == json!([]);
        assert!(
            is_empty_list || answer.status.is_client_error(),
            "{method} {path}: {}",
            answer.text
        );
    }

    let admin = theirs.admin().await;
    assert_eq!(
        theirs.app.auth.role(&admin, their_role.id).await.unwrap(),
        Some(their_role)
    );
    assert_eq!(
        theirs.app.auth.group(&admin, their_group.id).await.unwrap(),
        Some(their_group)
    );
    assert_eq!(
        theirs.app.auth.grant(&admin, their_grant.id).await.unwrap(),
        Some(their_grant)
    );
    assert_eq!(
        ours.app.auth.role(&ours.admin().await, role.id).await.unwrap(),
        Some(role)
    );
}

#[tokio::test]
async fn every_table_of_grants_is_isolated() {
    let (ours, theirs) = two().await;
    for world in [&ours, &theirs] {
        let ada = world.user("ada").await;
        let role = world.role("Opener", &[OPEN]).await;
        let group = world.group("Night shift").await;
        world.put(Member::User(ada.id), group.id).await.unwrap();
        world
            .grant(to(GrantPrincipal::Group(group.id), RoleRef::Custom(role.id)))
            .await;
    }

    for (one, other) in [(&ours, &theirs), (&theirs, &ours)] {
        let tables = assert_tables_isolated(&one.app.db, one.place.id, other.place.id).await;

        for table in [
            "authz_version",
            "role",
            "role_permission",
            "principal_group",
            "group_member",
            "role_grant",
        ] {
            let name = format!("platform_auth.{table}");
            assert!(tables.tried.contains(&name), "{name}: {tables:?}");
        }
    }
}

#[tokio::test]
async fn a_grant_on_a_resource_of_one_tenant_says_nothing_of_one_of_another() {
    let (ours, theirs) = two().await;
    let (ada, bob) = (ours.user("ada").await, theirs.user("bob").await);
    let role = ours
        .app
        .auth
        .create_role(&ours.admin().await, new_role("Opener", &[OPEN]))
        .await
        .unwrap();
    let mut new = to_user(ada.id, RoleRef::Custom(role.id));
    new.on = on("north");
    ours.grant(new.clone()).await;
    new.principal = GrantPrincipal::User(bob.id);

    let refused = ours.app.auth.grant_role(&ours.admin().await, new).await;

    assert!(matches!(refused, Err(AuthzError::UnknownPrincipal(_))));
    assert!(
        !theirs
            .ctx(&bob)
            .await
            .may(OPEN, &super::world::depot("north"), theirs.at(0))
    );
}
