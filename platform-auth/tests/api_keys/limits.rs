use platform_auth::{NewApiKey, RoleRef};
use platform_core::{OwnedResource, RequestContext, Resource};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::keys::{all, is_refused, new_key, own, under};
use crate::world::{EVERYBODYS, OPEN, Person, SEE, SEND, World, depot, names, on, to_user};

const DEPOTS: [&str; 3] = ["north", "south", "west"];

/// Somebody who may see everywhere, open in the north, and send in the south.
async fn somebody(world: &World) -> Person {
    let ada = world.user("ada").await;
    for (name, permission, depot) in [
        ("Seer", SEE, None),
        ("Opener", OPEN, on("north")),
        ("Sender", SEND, on("south")),
    ] {
        let role = world.role(name, &[permission]).await;
        let mut new = to_user(ada.id, RoleRef::Custom(role.id));
        new.on = depot;
        world.grant(new).await;
    }
    ada
}

/// What a context may do: everywhere, and on each depot.
fn may(world: &World, ctx: &RequestContext) -> Vec<(bool, [bool; 3])> {
    let permissions = [SEE, OPEN, SEND, EVERYBODYS];
    let each = permissions.into_iter().map(|permission| {
        let on = DEPOTS.map(|id| ctx.may(permission, &depot(id), world.at(0)));
        (ctx.require(permission).is_ok(), on)
    });
    each.collect()
}

fn depots(which: &[usize]) -> Vec<OwnedResource> {
    which.iter().filter_map(|which| on(DEPOTS[*which])).collect()
}

#[tokio::test]
async fn a_key_may_what_its_owner_may_and_its_scopes_and_resources_leave() {
    let world = World::new().await;
    let ada = somebody(&world).await;
    let owner = may(&world, &world.ctx(&ada).await);
    let strategy = (
        proptest::sample::subsequence(vec![0, 1, 2], 1..=3),
        proptest::option::of(proptest::sample::subsequence(vec![0, 1, 2], 1..=3)),
    );
    let mut runner = TestRunner::deterministic();

    for _ in 0..40 {
        let (scopes, resources) = strategy.new_tree(&mut runner).unwrap().current();
        let wanted: Vec<_> = scopes.iter().map(|which| [SEE, OPEN, SEND][*which]).collect();
        let new = NewApiKey {
            resources: resources.as_deref().map(depots),
            ..new_key(&world, &wanted)
        };
        let ctx = world.ctx(&ada).await;
        let issued = world
            .app
            .auth
            .create_api_key(&ctx, platform_auth::ApiKeyOwner::Caller, new)
            .await;
        let held_somewhere = |which: &usize| match &resources {
            None => true,
            Some(on) => on.iter().any(|on| owner[*which].1[*on]),
        };
        assert_eq!(
            issued.is_ok(),
            scopes.iter().all(held_somewhere),
            "{scopes:?} {resources:?}"
        );
        let Ok(issued) = issued else { continue };

        let key = may(&world, &under(&world.app, &issued).await.unwrap());

        for (which, (everywhere, on)) in key.into_iter().enumerate() {
            let in_scope = scopes.contains(&which);
            assert_eq!(
                everywhere,
                owner[which].0 && in_scope && resources.is_none(),
                "{which} {scopes:?} {resources:?}"
            );
            for (depot, may) in on.into_iter().enumerate() {
                let is_listed = resources.as_ref().is_none_or(|listed| listed.contains(&depot));
                assert_eq!(
                    may,
                    owner[which].1[depot] && in_scope && is_listed,
                    "{which} {depot} {scopes:?} {resources:?}"
                );
            }
        }
        world
            .app
            .auth
            .revoke_api_key(&ctx, platform_auth::ApiKeysOf::Caller, issued.key.id)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_key_for_everything_may_what_its_owner_may_at_that_moment() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let issued = own(&world, &ada, all(&world)).await;
    let listed = own(&world, &world.admin, new_key(&world, &[OPEN])).await;
    assert!(under(&world.app, &issued).await.unwrap().require(OPEN).is_err());
    assert!(under(&world.app, &listed).await.unwrap().require(OPEN).is_ok());
    assert!(under(&world.app, &listed).await.unwrap().require(SEE).is_err());

    let role = world.role("Opener", &[OPEN]).await;
    let grant = world.grant(to_user(ada.id, RoleRef::Custom(role.id))).await;
    assert!(under(&world.app, &issued).await.unwrap().require(OPEN).is_ok());
    world.app.auth.revoke_grant(&world.job(), grant.id).await.unwrap();

    assert!(under(&world.app, &issued).await.unwrap().require(OPEN).is_err());
}

#[tokio::test]
async fn a_grant_that_begins_or_ends_is_followed_to_the_tick() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let issued = own(&world, &ada, all(&world)).await;
    let role = world.role("Opener", &[OPEN]).await;
    let mut new = to_user(ada.id, RoleRef::Custom(role.id));
    new.valid_from = Some(world.at(10));
    new.valid_until = Some(world.at(20));
    world.grant(new).await;

    for (second, expected) in [(9, false), (10, true), (19, true), (20, false)] {
        world.set_clock(second);
        let ctx = under(&world.app, &issued).await.unwrap();
        assert_eq!(ctx.require(OPEN).is_ok(), expected, "{second}");
    }
}

#[tokio::test]
async fn a_key_works_from_its_first_instant_until_its_last() {
    let world = World::new().await;
    let new = NewApiKey {
        not_before: Some(world.at(10)),
        expires_at: world.at(20),
        ..all(&world)
    };
    let issued = own(&world, &world.admin, new).await;
    let tick = time::Duration::microseconds(1);

    for (at, works) in [
        (world.at(0), false),
        (world.at(10) - tick, false),
        (world.at(10), true),
        (world.at(20) - tick, true),
        (world.at(20), false),
        (world.at(1_000_000), false),
    ] {
        world.app.clock.set(at);
        let shown = under(&world.app, &issued).await;
        assert_eq!(shown.is_ok(), works, "{at}");
        assert!(works || is_refused(&shown));
    }
}

#[tokio::test]
async fn a_key_of_a_user_who_is_disabled_is_refused() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let issued = own(&world, &ada, all(&world)).await;
    assert!(under(&world.app, &issued).await.is_ok());
    let sql = format!(
        "update platform_auth.subject set status = 'disabled' where id = '{}'",
        ada.id
    );
    world.app.by_hand("platform_auth.subject", sql).await;

    // Behind the service's back, like a change by another instance: seen after a second.
    world.set_clock(1);

    assert!(is_refused(&under(&world.app, &issued).await));
}

#[tokio::test]
async fn the_keys_of_a_user_who_is_erased_are_gone() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let new = NewApiKey {
        name: "Ada's laptop".to_owned(),
        ..all(&world)
    };
    let issued = own(&world, &ada, new).await;
    assert!(under(&world.app, &issued).await.is_ok());

    world
        .app
        .auth
        .erase_user(&world.admin().await, ada.id)
        .await
        .unwrap();

    assert!(is_refused(&under(&world.app, &issued).await), "at once");
    let keys = world
        .app
        .auth
        .list_api_keys_of(&world.admin().await, ada.id, None, 10)
        .await;
    assert_eq!(keys.unwrap(), []);
    assert!(!world.app.dump().await.contains("Ada's laptop"));
}

#[tokio::test]
async fn a_scope_that_is_no_permission_any_more_allows_nothing() {
    let world = World::new().await;
    let issued = own(&world, &world.admin, new_key(&world, &[SEE, OPEN])).await;
    assert_eq!(issued.key.scopes, names(&[OPEN, SEE]));
    let bare = crate::support::App::on(world.app.test.clone(), platform_auth::AuthConfig::default()).await;

    let ctx = under(&bare, &issued).await.unwrap();

    let resource = Resource::new("depot", "north").unwrap();
    assert!(ctx.require(OPEN).is_err() && !ctx.may(OPEN, &resource, world.at(0)));
    assert_eq!(ctx.api_key(), Some(issued.key.id.as_uuid()));
    assert_eq!(ctx.session(), None);
}
