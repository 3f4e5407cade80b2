use platform_auth::{AuthzError, GrantPrincipal, Group, GroupUpdate, Member, RoleRef};
use platform_core::sqlx;

use super::world::{OPEN, World, to, to_user};

async fn groups(world: &World, count: usize) -> Vec<Group> {
    let mut groups = Vec::new();
    for number in 0..count {
        groups.push(world.group(&format!("Group {number}")).await);
    }
    groups
}

#[tokio::test]
async fn a_member_has_what_the_group_has_and_the_groups_that_it_is_in_as_long_as_it_is_a_member() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let role = world.role("Opener", &[OPEN]).await;
    let [outer, inner] = groups(&world, 2).await.try_into().unwrap();
    world
        .grant(to(GrantPrincipal::Group(outer.id), RoleRef::Custom(role.id)))
        .await;
    world.put(Member::Group(inner.id), outer.id).await.unwrap();
    assert!(world.ctx(&ada).await.require(OPEN).is_err());

    let membership = world.put(Member::User(ada.id), inner.id).await.unwrap();
    assert!(world.ctx(&ada).await.require(OPEN).is_ok());

    let admin = world.admin().await;
    let removed = world
        .app
        .auth
        .remove_member(&admin, inner.id, membership.id)
        .await
        .unwrap();
    assert_eq!(removed, membership);
    assert!(world.ctx(&ada).await.require(OPEN).is_err());
    let again = world
        .app
        .auth
        .remove_member(&admin, inner.id, membership.id)
        .await;
    assert!(matches!(again, Err(AuthzError::NotFound)));
}

#[tokio::test]
async fn a_group_is_not_a_member_of_itself_however_far_round() {
    let world = World::new().await;
    let groups = groups(&world, 3).await;
    let put = |inner: usize, outer: usize| world.put(Member::Group(groups[inner].id), groups[outer].id);
    put(1, 0).await.unwrap();
    put(2, 1).await.unwrap();

    assert!(matches!(put(0, 0).await, Err(AuthzError::Cycle)));
    assert!(matches!(put(0, 1).await, Err(AuthzError::Cycle)));
    assert!(matches!(put(0, 2).await, Err(AuthzError::Cycle)));
    // Two ways from one group to another are no cycle.
    put(2, 0).await.unwrap();
    assert!(matches!(put(2, 0).await, Err(AuthzError::AlreadyMember)));
}

#[tokio::test]
async fn memberships_that_would_close_a_cycle_together_do_not_all_succeed() {
    let world = World::new().await;
    for round in 0..5 {
        let mut groups = Vec::new();
        for number in 0..4 {
            groups.push(world.group(&format!("Round {round} group {number}")).await.id);
        }

        let puts = (0..4).map(|at| world.put(Member::Group(groups[at]), groups[(at + 1) % 4]));
        let answers = futures::future::join_all(puts).await;

        let cycles = answers
            .iter()
            .filter(|answer| matches!(answer, Err(AuthzError::Cycle)))
            .count();
        let done = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!((done, cycles), (3, 1), "{answers:?}");
    }
}

#[tokio::test]
async fn groups_are_nested_eight_levels_deep_and_no_deeper() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let role = world.role("Opener", &[OPEN]).await;
    let groups = groups(&world, 9).await;
    let put = |inner: usize, outer: usize| world.put(Member::Group(groups[inner].id), groups[outer].id);
    world
        .grant(to(GrantPrincipal::Group(groups[0].id), RoleRef::Custom(role.id)))
        .await;
    for outer in [0, 1, 2, 4, 5, 6] {
        put(outer + 1, outer).await.unwrap();
    }
    // 0 to 3 and 4 to 7 are chains of four levels; the ninth would be a level too many at either end.
    put(4, 3).await.unwrap();

    assert!(matches!(put(8, 7).await, Err(AuthzError::TooDeep)));
    assert!(matches!(put(0, 8).await, Err(AuthzError::TooDeep)));
    put(8, 6).await.unwrap();
    world.put(Member::User(ada.id), groups[7].id).await.unwrap();
    assert!(
        world.ctx(&ada).await.require(OPEN).is_ok(),
        "from the lowest level to the highest"
    );
}

#[tokio::test]
async fn a_group_is_deleted_once_nothing_is_granted_to_it_and_takes_its_members_out_of_others() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let admin = world.admin().await;
    let auth = &world.app.auth;
    let role = world.role("Opener", &[OPEN]).await;
    let [outer, inner] = groups(&world, 2).await.try_into().unwrap();
    world
        .grant(to(GrantPrincipal::Group(outer.id), RoleRef::Custom(role.id)))
        .await;
    world.put(Member::Group(inner.id), outer.id).await.unwrap();
    world.put(Member::User(ada.id), inner.id).await.unwrap();
    assert!(world.ctx(&ada).await.require(OPEN).is_ok());

    assert!(matches!(
        auth.delete_group(&admin, outer.id).await,
        Err(AuthzError::InUse)
    ));
    auth.delete_group(&admin, inner.id).await.unwrap();

    assert!(world.ctx(&ada).await.require(OPEN).is_err());
    assert_eq!(auth.group(&admin, inner.id).await.unwrap(), None);
    assert_eq!(auth.list_members(&admin, inner.id, None, 10).await.unwrap(), None);
    assert_eq!(
        auth.list_members(&admin, outer.id, None, 10).await.unwrap(),
        Some(Vec::new())
    );
    let back = world.put(Member::User(ada.id), inner.id).await;
    assert!(matches!(back, Err(AuthzError::NotFound)));
}

#[tokio::test]
async fn a_group_is_renamed_by_whoever_has_read_it() {
    let world = World::new().await;
    let group = world.group("Night shift").await;
    world.group("Day shift").await;
    let admin = world.admin().await;
    let rename = |version, name: &str| {
        let name = name.to_owned();
        world
            .app
            .auth
            .update_group(&admin, group.id, GroupUpdate { version, name })
    };

    let renamed = rename(1, "Late shift").await.unwrap();

    assert_eq!((renamed.version, renamed.name.as_str()), (2, "Late shift"));
    assert!(matches!(
        rename(1, "Other").await,
        Err(AuthzError::Stale { version: 2 })
    ));
    assert!(matches!(rename(2, "DAY SHIFT").await, Err(AuthzError::NameTaken)));
    assert_eq!(
        world.app.auth.group(&admin, group.id).await.unwrap(),
        Some(renamed)
    );
}

#[tokio::test]
async fn who_is_disabled_or_erased_is_given_nothing() {
    // What a superuser does to a table locks it, so it is nobody else's.
    let app = crate::support::App::on(
        Box::pin(platform_core::testing::TestDb::own(&crate::support::SCHEMAS)).await,
        super::world::config(),
    )
    .await;
    let world = World::on(app).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let role = RoleRef::Custom(world.role("Opener", &[OPEN]).await.id);
    let group = world.group("Night shift").await;
    let admin = world.admin().await;
    world
        .app
        .by_hand(
            "platform_auth.subject",
            format!(
                "update platform_auth.subject set status = 'disabled' where id = '{}'",
                ada.id
            ),
        )
        .await;
    world.app.auth.erase_user(&admin, bob.id).await.unwrap();

    let disabled = world.app.auth.grant_role(&admin, to_user(ada.id, role)).await;
    assert!(matches!(disabled, Err(AuthzError::PrincipalDisabled)));
    let disabled = world
        .app
        .auth
        .add_member(&admin, group.id, Member::User(ada.id))
        .await;
    assert!(matches!(disabled, Err(AuthzError::PrincipalDisabled)));
    let erased = world.app.auth.grant_role(&admin, to_user(bob.id, role)).await;
    assert!(matches!(erased, Err(AuthzError::UnknownPrincipal(_))));
    let erased = world
        .app
        .auth
        .add_member(&admin, group.id, Member::User(bob.id))
        .await;
    assert!(matches!(erased, Err(AuthzError::UnknownPrincipal(_))));
    let mut superuser = world.app.superuser().await;
    let given: i64 = sqlx::query_scalar(
        "select (select count(*) from platform_auth.role_grant) + (select count(*) from platform_auth.group_member)",
    )
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    assert_eq!(given, 0);
}
