//! Asking for more than can be worked on, and for what cannot be.

use platform_auth::{AuthzError, GrantPrincipal, Member, Role, RoleRef};
use platform_core::sqlx::{self, AssertSqlSafe, Connection as _};
use platform_core::testing::TestDb;
use serde_json::json;

use crate::support::{App, Call, SCHEMAS};
use crate::world::{World, config, to, to_user};

const USER: RoleRef = RoleRef::BuiltIn(Role::User);

/// A tenant with a database of its own, into which rows are written past the service.
async fn own() -> World {
    let test = Box::pin(TestDb::own(&SCHEMAS)).await;
    World::on(App::on(test, config()).await).await
}

/// Grants to a user (`subject_id`) or a group (`group_id`) that nobody could make one by one in the time of a test.
async fn granted(world: &World, column: &str, id: String, count: u32) {
    let mut superuser = world.app.superuser().await;
    let mut tx = superuser.begin().await.unwrap();
    for sql in [
        "set local session_replication_role = replica".to_owned(),
        "alter table platform_auth.role_grant disable trigger is_protected".to_owned(),
        format!(
            "insert into platform_auth.role_grant (tenant_id, id, {column}, builtin_role, resource_kind, resource_id, granted_at)
             select '{}', gen_random_uuid(), '{id}', 'user', 'depot', at::text, '2026-01-02' from generate_series(1, {count}) at",
            world.place.id
        ),
        "alter table platform_auth.role_grant enable always trigger is_protected".to_owned(),
    ] {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn nobody_is_given_more_than_can_be_decided_about() {
    let world = own().await;
    let auth = &world.app.auth;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let mut groups = Vec::new();
    for (at, count) in [(0..11, 9_000), (11..12, 1_000)] {
        for at in at {
            let group = world.group(&format!("Crew {at}")).await;
            granted(&world, "group_id", group.id.to_string(), count).await;
            world.put(Member::User(ada.id), group.id).await.unwrap();
            groups.push(group.id);
        }
    }

    // 100,000 by now, and all of them hold.
    world.ctx(&ada).await;
    let admin = world.admin().await;
    let more = world.group("More").await;
    world.grant(to(GrantPrincipal::Group(more.id), USER)).await;
    let by_membership = auth.add_member(&admin, more.id, Member::User(ada.id)).await;
    let by_nesting = auth.add_member(&admin, more.id, Member::Group(groups[3])).await;
    let by_grant = auth.grant_role(&admin, to_user(ada.id, USER)).await;
    let by_group = auth
        .grant_role(&admin, to(GrantPrincipal::Group(groups[3]), USER))
        .await;

    for refused in [
        by_membership.err(),
        by_nesting.err(),
        by_grant.err(),
        by_group.err(),
    ] {
        assert!(
            matches!(refused, Some(AuthzError::TooManyHeld { max: 100_000 })),
            "{refused:?}"
        );
    }
    // Others have room, and so has ada in another way.
    auth.grant_role(&admin, to_user(bob.id, USER)).await.unwrap();
    auth.add_member(&admin, more.id, Member::User(bob.id))
        .await
        .unwrap();
    let body = json!({ "member": { "kind": "user", "id": ada.id } });
    let answer = world
        .app
        .send(
            Call::post(&format!("/admin/v1/groups/{}/members", more.id))
                .bearer(&world.admin.token)
                .json(&body),
        )
        .await;
    answer.refused(409, "too_many_held");
    assert_eq!(answer.json()["max"], 100_000);
    world.ctx(&ada).await;
}

#[tokio::test]
async fn whoever_holds_more_all_the_same_is_refused_and_not_looked_at_for_every_request() {
    let world = own().await;
    let ada = world.user("ada").await;
    granted(&world, "subject_id", ada.id.to_string(), 100_001).await;
    // From now on there is a version to compile at.
    world.group("Crew").await;

    world.app.me(&ada.token).await.refused(403, "too_much_granted");

    // What is not read again is not seen to be gone, until something changes.
    let sql = format!(
        "delete from platform_auth.role_grant where tenant_id = '{}'",
        world.place.id
    );
    world.app.by_hand("platform_auth.role_grant", sql).await;
    world.app.me(&ada.token).await.refused(403, "too_much_granted");
    world.group("Another crew").await;
    world.app.me(&ada.token).await.expect(200);
}

#[tokio::test]
async fn a_query_that_nothing_can_match_is_told_apart_from_a_fault() {
    let world = World::new().await;
    let (user, group) = (world.admin.id, world.group("Crew").await.id);
    let long = "x".repeat(129);
    let explain = format!("/admin/v1/explain?user_id={user}&permission=parcels:see");

    for path in [
        "/admin/v1/grants?resource_kind=depot&resource_id=%00".to_owned(),
        "/admin/v1/grants?resource_kind=%00&resource_id=north".to_owned(),
        "/admin/v1/grants?resource_kind=depot&resource_id=".to_owned(),
        "/admin/v1/grants?resource_kind=De-pot&resource_id=north".to_owned(),
        format!("/admin/v1/grants?resource_kind=depot&resource_id={long}"),
        "/admin/v1/grants?role=%00".to_owned(),
        format!("{explain}&resource_kind=depot&resource_id=%00"),
        format!("{explain}&resource_kind=%00&resource_id=north"),
        format!("{explain}&at=%00"),
    ] {
        let answer = world.app.send(Call::get(&path).bearer(&world.admin.token)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (422, "invalid_filter"),
            "{path}: {}",
            answer.text
        );
    }
    for path in [
        format!("/admin/v1/explain?user_id={user}&permission=%00"),
        "/admin/v1/grants?user_id=%00".to_owned(),
        "/admin/v1/grants?revoked=%00".to_owned(),
        "/admin/v1/grants?cursor=%00".to_owned(),
        "/admin/v1/users?cursor=%00".to_owned(),
        "/admin/v1/roles?cursor=%00".to_owned(),
        "/admin/v1/groups?cursor=%00".to_owned(),
        format!("/admin/v1/groups/{group}/members?cursor=%00"),
        "/admin/v1/users?limit=%00".to_owned(),
        "/admin/v1/groups/%00".to_owned(),
    ] {
        let answer = world.app.send(Call::get(&path).bearer(&world.admin.token)).await;
        assert!(
            (400..500).contains(&answer.status.as_u16()),
            "{path}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn a_text_that_the_database_cannot_keep_is_told_apart_from_a_fault() {
    let world = World::new().await;
    let user = world.admin.id;
    let holds = format!("/admin/v1/users/{user}/holds");

    for (path, body) in [
        (holds.as_str(), json!({ "reason": "a\u{0}b" })),
        ("/admin/v1/groups", json!({ "name": "a\u{0}b" })),
        ("/admin/v1/roles", json!({ "name": "a\u{0}b", "permissions": [] })),
        (
            "/admin/v1/roles",
            json!({ "name": "Seer", "permissions": ["a\u{0}b"] }),
        ),
        (
            "/admin/v1/grants",
            json!({ "principal": { "kind": "user", "id": user }, "role": "user", "reason": "a\u{0}b" }),
        ),
        (
            "/admin/v1/grants",
            json!({ "principal": { "kind": "user", "id": user }, "role": "user",
                    "resource": { "kind": "depot", "id": "a\u{0}b" } }),
        ),
    ] {
        let call = Call::post(path).bearer(&world.admin.token).json(&body);
        let answer = world.app.send(call).await;
        assert_eq!(answer.status.as_u16(), 422, "{path}: {}", answer.text);
    }
}
