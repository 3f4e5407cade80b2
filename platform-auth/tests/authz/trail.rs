use platform_auth::{GrantId, GrantPrincipal, GroupUpdate, Member, Role, RoleRef, RoleUpdate};
use platform_core::sqlx;
use serde_json::{Value, json};

use super::world::{OPEN, SEE, World, names, new_role, on, to, to_user};

type Recorded = (String, String, Value, Option<Value>, Option<Value>);

/// What the trail says of access, oldest first: the action, the outcome, the targets, the changes and the detail.
async fn recorded(world: &World) -> Vec<Recorded> {
    let mut superuser = world.app.superuser().await;
    sqlx::query_as(
        "select action::text, outcome::text, targets::jsonb, changes::jsonb, detail::jsonb from platform_audit.event
         where tenant_id = $1 and action like 'access.%' order by xid, id",
    )
    .bind(world.place.id)
    .fetch_all(&mut superuser)
    .await
    .unwrap()
}

/// Why somebody was refused, oldest first.
pub(crate) async fn reasons(world: &World, action: &str) -> Vec<String> {
    let mut superuser = world.app.superuser().await;
    sqlx::query_scalar(
        "select reason::text from platform_audit.event where tenant_id = $1 and action = $2 order by xid, id",
    )
    .bind(world.place.id)
    .bind(action)
    .fetch_all(&mut superuser)
    .await
    .unwrap()
}

/// Which was first: that one grant was made, or that another was revoked. Both are recorded under the lock of the tenant, by the clock of
/// the database.
pub(crate) async fn order(world: &World, made: GrantId, revoked: GrantId) -> std::cmp::Ordering {
    let at = async |action: &str, grant: GrantId| -> platform_core::Timestamp {
        let mut superuser = world.app.superuser().await;
        sqlx::query_scalar(
            "select recorded_at from platform_audit.event where tenant_id = $1 and action = $2 and targets::jsonb @> $3",
        )
        .bind(world.place.id)
        .bind(action)
        .bind(json!([{ "kind": "grant", "id": grant.to_string() }]))
        .fetch_one(&mut superuser)
        .await
        .unwrap()
    };
    let made = at("access.role_grant", made).await;
    made.cmp(&at("access.role_revoke", revoked).await)
}

#[tokio::test]
async fn every_change_is_in_the_trail_with_what_it_was_about() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let admin = world.admin().await;
    let auth = &world.app.auth;

    let role = auth
        .create_role(&admin, new_role("Opener", &[OPEN]))
        .await
        .unwrap();
    let update = RoleUpdate {
        version: 1,
        name: "Opener".to_owned(),
        permissions: names(&[OPEN, SEE]),
    };
    auth.update_role(&admin, role.id, update).await.unwrap();
    let group = auth.create_group(&admin, "Night shift").await.unwrap();
    let rename = GroupUpdate {
        version: 1,
        name: "Late shift".to_owned(),
    };
    auth.update_group(&admin, group.id, rename).await.unwrap();
    let member = auth
        .add_member(&admin, group.id, Member::User(ada.id))
        .await
        .unwrap();
    let mut new = to_user(ada.id, RoleRef::Custom(role.id));
    new.on = on("north");
    new.reason = Some("ticket 4711".to_owned());
    let grant = auth.grant_role(&admin, new).await.unwrap();
    let to_group = to(GrantPrincipal::Group(group.id), RoleRef::BuiltIn(Role::User));
    let to_group = auth.grant_role(&admin, to_group).await.unwrap();
    auth.revoke_grant(&admin, grant.id).await.unwrap();
    auth.revoke_grant(&admin, to_group.id).await.unwrap();
    auth.remove_member(&admin, group.id, member.id).await.unwrap();
    auth.delete_group(&admin, group.id).await.unwrap();
    auth.delete_role(&admin, role.id).await.unwrap();

    let recorded = recorded(&world).await;
    let actions: Vec<_> = recorded.iter().map(|event| event.0.as_str()).collect();
    assert_eq!(
        actions,
        [
            "access.role_create",
            "access.role_change",
            "access.group_create",
            "access.group_change",
            "access.member_add",
            "access.role_grant",
            "access.role_grant",
            "access.role_revoke",
            "access.role_revoke",
            "access.member_remove",
            "access.group_delete",
            "access.role_delete",
        ]
    );
    let target = |kind: &str, id: String| json!({ "kind": kind, "id": id });
    assert_eq!(
        recorded[1].3,
        Some(json!({
            "permissions": { "before": ["parcels:open"], "after": ["parcels:open", "parcels:see"] },
            "version": { "before": 1, "after": 2 },
        }))
    );
    assert_eq!(
        recorded[4].2,
        json!([
            target("user", ada.id.to_string()),
            target("group", group.id.to_string()),
            target("membership", member.id.to_string()),
        ])
    );
    assert_eq!(
        recorded[5].2,
        json!([
            target("user", ada.id.to_string()),
            target("role", role.id.to_string()),
            target("grant", grant.id.to_string()),
        ])
    );
    assert_eq!(
        recorded[5].4,
        Some(json!({
            "resource": { "kind": "depot", "id": "north" },
            "valid_from": null, "valid_until": null, "built_in": false, "why": "ticket 4711",
        }))
    );
    assert_eq!(recorded[6].2[0], target("group", group.id.to_string()));
}

#[tokio::test]
async fn the_attempt_to_leave_nobody_in_charge_is_in_the_trail() {
    let world = World::without_admin().await;
    let ada = world.user("ada").await;
    let grant = world.grant(to_user(ada.id, RoleRef::BuiltIn(Role::Admin))).await;

    let refused = world
        .app
        .auth
        .revoke_grant(&world.ctx(&ada).await, grant.id)
        .await;

    assert!(refused.is_err());
    assert_eq!(reasons(&world, "access.deny").await, ["last_admin"]);
    assert!(world.ctx(&ada).await.require(platform_auth::TENANT_ADMIN).is_ok());
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_changed() {
    let app = crate::support::App::on(
        Box::pin(platform_core::testing::TestDb::own(&crate::support::SCHEMAS)).await,
        super::world::config(),
    )
    .await;
    let world = World::on(app).await;
    let ada = world.user("ada").await;
    let role = world.role("Opener", &[OPEN]).await;
    let admin = world.admin().await;
    let mut superuser = world.app.superuser().await;
    sqlx::query(
        "alter table platform_audit.event add constraint full_disk check (action = 'none') not valid",
    )
    .execute(&mut superuser)
    .await
    .unwrap();

    let granted = world
        .app
        .auth
        .grant_role(&admin, to_user(ada.id, RoleRef::Custom(role.id)))
        .await;

    assert!(granted.is_err());
    let grants: i64 = sqlx::query_scalar("select count(*) from platform_auth.role_grant")
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    assert_eq!(grants, 0);
    assert!(world.ctx(&ada).await.require(OPEN).is_err());
}
