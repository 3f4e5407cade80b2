use axum::http::Method;
use platform_auth::{AuthzError, GrantPrincipal, Member, RoleRef, UserStatus};
use platform_core::{PrincipalKind, axum, sqlx};
use serde_json::{Value, json};

use crate::keys::{new_key, of_service, service, under};
use crate::support::{Answer, Call};
use crate::world::{OPEN, SEE, World, depot, on, to};

async fn send(world: &World, method: Method, path: &str, body: Option<Value>) -> Answer {
    let path = format!("/admin/v1/service-principals{path}");
    let call = Call::new(method, &path).bearer(&world.admin.token);
    let call = match &body {
        Some(body) => call.json(body),
        None => call,
    };
    world.app.send(call).await
}

#[tokio::test]
async fn an_admin_makes_renames_disables_enables_and_deletes_a_service_principal() {
    let world = World::new().await;

    let made = send(&world, Method::POST, "", Some(json!({ "name": "Settlement" }))).await;
    made.expect(201);
    assert_eq!(
        (&made.json()["status"], &made.json()["version"]),
        (&json!("active"), &json!(1))
    );
    let path = format!("/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(send(&world, Method::GET, &path, None).await.json(), made.json());
    assert_eq!(
        send(&world, Method::GET, "", None).await.json()["data"],
        json!([made.json()])
    );
    send(&world, Method::POST, "", Some(json!({ "name": "SETTLEMENT" })))
        .await
        .refused(409, "name_taken");
    send(&world, Method::POST, "", Some(json!({ "name": " " })))
        .await
        .refused(422, "invalid_body");
    let rename = |version: i64| Some(json!({ "version": version, "name": "Clearing" }));
    send(&world, Method::PUT, &path, rename(7))
        .await
        .refused(409, "stale");
    assert_eq!(
        send(&world, Method::PUT, &path, rename(1)).await.json()["name"],
        "Clearing"
    );
    for (verb, status, version) in [
        ("disable", "disabled", 3),
        ("disable", "disabled", 3),
        ("enable", "active", 4),
    ] {
        let changed = send(&world, Method::POST, &format!("{path}/{verb}"), None)
            .await
            .json();
        assert_eq!(
            (&changed["status"], &changed["version"]),
            (&json!(status), &json!(version)),
            "{verb}"
        );
    }
    send(&world, Method::DELETE, &path, None).await.expect(204);

    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/enable")),
        (Method::GET, format!("{path}/api-keys")),
    ] {
        send(&world, method, &path, None).await.refused(404, "not_found");
    }
    assert_eq!(
        send(&world, Method::GET, "", None).await.json()["data"],
        json!([])
    );
    // Its name is free again.
    send(&world, Method::POST, "", Some(json!({ "name": "Clearing" })))
        .await
        .expect(201);
}

#[tokio::test]
async fn nobody_without_the_permission_manages_service_principals() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let settlement = service(&world, "Settlement").await;
    let new = json!({ "name": "Key", "scopes": ["parcels:open"], "expires_at": "2026-06-01T00:00:00Z" });
    let one = format!("/{}", settlement.id);
    let key = format!("{one}/api-keys/{}", world.app.test.sources().uuid_v7());
    for (method, path, body) in [
        (Method::POST, String::new(), Some(json!({ "name": "Mine" }))),
        (Method::GET, String::new(), None),
        (Method::GET, one.clone(), None),
        (
            Method::PUT,
            one.clone(),
            Some(json!({ "version": 1, "name": "Mine" })),
        ),
        (Method::DELETE, one.clone(), None),
        (Method::POST, format!("{one}/disable"), None),
        (Method::POST, format!("{one}/enable"), None),
        (Method::GET, format!("{one}/api-keys"), None),
        (Method::POST, format!("{one}/api-keys"), Some(new)),
        (Method::POST, format!("{key}/rotate"), Some(json!({}))),
        (Method::DELETE, key, None),
    ] {
        let call =
            Call::new(method.clone(), &format!("/admin/v1/service-principals{path}")).bearer(&ada.token);
        let call = match &body {
            Some(body) => call.json(body),
            None => call,
        };
        let refused = world.app.send(call).await;
        assert_eq!(refused.code(), "forbidden", "{method} {path}: {}", refused.text);
    }
}

#[tokio::test]
async fn a_service_principal_is_granted_roles_by_itself_and_by_way_of_groups() {
    let world = World::new().await;
    let settlement = service(&world, "Settlement").await;
    let opener = world.role("Opener", &[OPEN]).await;
    let seer = world.role("Seer", &[SEE]).await;
    let group = world.group("Programs").await;
    let membership = world.put(Member::Service(settlement.id), group.id).await.unwrap();
    let mut new = to(GrantPrincipal::Service(settlement.id), RoleRef::Custom(opener.id));
    new.on = on("north");
    let grant = world.grant(new).await;
    world
        .grant(to(GrantPrincipal::Group(group.id), RoleRef::Custom(seer.id)))
        .await;
    let issued = of_service(&world, &settlement, new_key(&world, &[OPEN, SEE]))
        .await
        .unwrap();

    let ctx = under(&world.app, &issued).await.unwrap();

    assert_eq!(ctx.principal().kind(), PrincipalKind::Service);
    assert_eq!(ctx.principal().id(), Some(settlement.id));
    assert!(ctx.require(SEE).is_ok() && ctx.require(OPEN).is_err());
    assert!(ctx.may(OPEN, &depot("north"), world.at(0)));
    assert!(!ctx.may(OPEN, &depot("south"), world.at(0)));
    // Read back as what it is.
    let admin = world.admin().await;
    assert_eq!(grant.principal, GrantPrincipal::Service(settlement.id));
    assert_eq!(world.app.auth.grant(&admin, grant.id).await.unwrap(), Some(grant));
    let members = world
        .app
        .auth
        .list_members(&admin, group.id, None, 10)
        .await
        .unwrap();
    assert_eq!(members, Some(vec![membership]));
    let removed = world
        .app
        .auth
        .remove_member(&admin, group.id, membership.id)
        .await
        .unwrap();
    assert_eq!(removed, membership);
    assert!(under(&world.app, &issued).await.unwrap().require(SEE).is_err());
}

#[tokio::test]
async fn a_service_principal_is_no_user_and_nothing_to_sign_in_with() {
    let world = World::new().await;
    let settlement = service(&world, "Settlement").await;
    let admin = world.admin().await;

    let users = world.app.auth.list_users(&admin, None, 200).await.unwrap();
    let me = {
        let opener = world.role("Opener", &[OPEN]).await;
        world
            .grant(to(
                GrantPrincipal::Service(settlement.id),
                RoleRef::Custom(opener.id),
            ))
            .await;
        let issued = of_service(&world, &settlement, new_key(&world, &[OPEN]))
            .await
            .unwrap();
        world.app.me(issued.token.expose()).await
    };

    assert!(users.iter().all(|user| user.id != settlement.id));
    me.refused(404, "not_found");
    for email in ["Settlement", "settlement@example.com", &settlement.id.to_string()] {
        let refused = world.app.sign_in(&world.place, email, "").await;
        assert!(refused.status.is_client_error());
    }
    // Not even somebody who writes into the table makes one that is half a user.
    let mut superuser = world.app.superuser().await;
    for sql in [
        "update platform_auth.subject set role = 'admin' where id = $1",
        "update platform_auth.subject set kind = 'human' where id = $1",
        "update platform_auth.subject set email_sealed = decode(repeat('00', 64), 'hex') where id = $1",
    ] {
        let done = sqlx::query(sql).bind(settlement.id).execute(&mut superuser).await;
        assert!(
            done.unwrap_err()
                .to_string()
                .contains("violates check constraint"),
            "{sql}"
        );
    }
}

#[tokio::test]
async fn deleting_one_revokes_its_keys_and_grants_and_takes_it_out_of_its_groups() {
    let world = World::new().await;
    let admin = world.admin().await;
    let auth = &world.app.auth;
    let settlement = service(&world, "Settlement").await;
    let opener = world.role("Opener", &[OPEN]).await;
    let group = world.group("Programs").await;
    world.put(Member::Service(settlement.id), group.id).await.unwrap();
    let principal = GrantPrincipal::Service(settlement.id);
    let grant = world.grant(to(principal, RoleRef::Custom(opener.id))).await;
    let issued = of_service(&world, &settlement, new_key(&world, &[OPEN]))
        .await
        .unwrap();

    auth.delete_service_principal(&admin, settlement.id)
        .await
        .unwrap();

    let grant = auth.grant(&admin, grant.id).await.unwrap().unwrap();
    assert_eq!(
        (grant.revoked_at, grant.revoked_by),
        (Some(world.at(0)), Some(world.admin.id))
    );
    let key = auth.api_key(&admin, issued.key.id).await.unwrap().unwrap();
    assert_eq!(
        (key.revoked_at, key.revoked_by),
        (Some(world.at(0)), Some(world.admin.id))
    );
    assert_eq!(
        auth.list_members(&admin, group.id, None, 10).await.unwrap(),
        Some(vec![])
    );
    auth.delete_role(&admin, opener.id).await.unwrap();
    let refused = auth
        .grant_role(&admin, to(principal, RoleRef::BuiltIn(platform_auth::Role::User)))
        .await;
    assert!(matches!(refused, Err(AuthzError::UnknownPrincipal(_))));
}

#[tokio::test]
async fn a_disabled_one_is_given_nothing() {
    let world = World::new().await;
    let admin = world.admin().await;
    let auth = &world.app.auth;
    let settlement = service(&world, "Settlement").await;
    let opener = world.role("Opener", &[OPEN]).await;
    let principal = GrantPrincipal::Service(settlement.id);
    world.grant(to(principal, RoleRef::Custom(opener.id))).await;
    auth.set_service_principal_status(&admin, settlement.id, UserStatus::Disabled)
        .await
        .unwrap();

    let granted = auth
        .grant_role(&admin, to(principal, RoleRef::BuiltIn(platform_auth::Role::User)))
        .await;
    let made = of_service(&world, &settlement, new_key(&world, &[OPEN])).await;

    assert!(matches!(granted, Err(AuthzError::PrincipalDisabled)));
    assert!(matches!(made, Err(platform_auth::ApiKeyError::OwnerDisabled)));
}

#[tokio::test]
async fn a_service_principal_is_not_the_one_who_is_left_to_administer_the_tenant() {
    let world = World::without_admin().await;
    let ada = world.user("ada").await;
    let settlement = service(&world, "Settlement").await;
    let admin = RoleRef::BuiltIn(platform_auth::Role::Admin);
    let of_ada = world.grant(to(GrantPrincipal::User(ada.id), admin)).await;
    world
        .grant(to(GrantPrincipal::Service(settlement.id), admin))
        .await;

    let revoked = world
        .app
        .auth
        .revoke_grant(&world.ctx(&ada).await, of_ada.id)
        .await;

    assert!(matches!(revoked, Err(AuthzError::LastAdmin)));
}
