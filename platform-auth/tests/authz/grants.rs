use platform_auth::{
    AuthzError, GRANTS_MANAGE, GrantFilter, GrantPrincipal, InvalidGrant, Member, Role, RoleRef,
};
use platform_core::OwnedResource;
use time::macros::datetime;

use super::world::{OPEN, SEE, TICK, World, depot, on, to, to_user};

#[tokio::test]
async fn a_grant_that_cannot_be_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let role = RoleRef::Custom(world.role("Opener", &[OPEN]).await.id);
    let resource = |kind: &str, id: &str| {
        Some(OwnedResource {
            kind: kind.into(),
            id: id.into(),
        })
    };
    let mut cases = Vec::new();
    for on in [
        resource("Depot", "north"),
        resource("", "north"),
        resource("1depot", "north"),
        resource(&"d".repeat(65), "north"),
        resource("depot", ""),
        resource("depot", &"n".repeat(129)),
        resource("depot", "no\nrth"),
    ] {
        let mut new = to_user(ada.id, role);
        new.on = on;
        cases.push((new, InvalidGrant::Resource));
    }
    for (from, until) in [
        (None, Some(0)),
        (None, Some(-5)),
        (Some(7), Some(7)),
        (Some(8), Some(7)),
    ] {
        let mut new = to_user(ada.id, role);
        new.valid_from = from.map(|second| world.at(second));
        new.valid_until = until.map(|second| world.at(second));
        cases.push((new, InvalidGrant::Window));
    }
    for (from, until) in [
        (None, Some(datetime!(9999-12-31 23:59:59 -23:59))),
        (Some(datetime!(0000-01-01 00:00:00 +23:59)), None),
        (Some(datetime!(-0001-01-01 00:00:00 UTC)), None),
    ] {
        let mut new = to_user(ada.id, role);
        (new.valid_from, new.valid_until) = (from, until);
        cases.push((new, InvalidGrant::Window));
    }
    for reason in ["", "a\u{0}b", &"x".repeat(201)] {
        let mut new = to_user(ada.id, role);
        new.reason = Some(reason.to_owned());
        cases.push((new, InvalidGrant::Reason));
    }

    let admin = world.admin().await;
    for (new, why) in cases {
        let refused = world.app.auth.grant_role(&admin, new.clone()).await;
        assert!(
            matches!(refused, Err(AuthzError::InvalidGrant(found)) if found == why),
            "{new:?}"
        );
    }

    let listed = world
        .app
        .auth
        .list_grants(&admin, &GrantFilter::default(), None, 10)
        .await;
    assert_eq!(listed.unwrap(), []);
}

#[tokio::test]
async fn grants_are_found_by_who_has_them_what_they_give_and_on_what() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let role = RoleRef::Custom(world.role("Opener", &[OPEN]).await.id);
    let group = world.group("Night shift").await;
    let north = |principal| {
        let mut new = to(principal, role);
        new.on = on("north");
        new
    };
    let first = world.grant(to_user(ada.id, RoleRef::BuiltIn(Role::Admin))).await;
    // Ids are in the order of their milliseconds.
    world.set_clock(1);
    let second = world.grant(north(GrantPrincipal::User(ada.id))).await;
    world.set_clock(2);
    let third = world.grant(north(GrantPrincipal::Group(group.id))).await;
    world.set_clock(3);
    let revoked = world.grant(to_user(bob.id, role)).await;
    let admin = world.admin().await;
    let revoked = world.app.auth.revoke_grant(&admin, revoked.id).await.unwrap();
    let list = async |filter: GrantFilter| {
        let grants = world
            .app
            .auth
            .list_grants(&admin, &filter, None, 100)
            .await
            .unwrap();
        grants.into_iter().map(|grant| grant.id).collect::<Vec<_>>()
    };
    let all = GrantFilter::default;

    assert_eq!(list(all()).await, [first.id, second.id, third.id]);
    let of_ada = Some(GrantPrincipal::User(ada.id));
    assert_eq!(
        list(GrantFilter {
            principal: of_ada,
            ..all()
        })
        .await,
        [first.id, second.id]
    );
    assert_eq!(
        list(GrantFilter {
            on: on("north"),
            ..all()
        })
        .await,
        [second.id, third.id]
    );
    assert_eq!(
        list(GrantFilter {
            role: Some(first.role),
            ..all()
        })
        .await,
        [first.id]
    );
    let everything = GrantFilter {
        revoked: true,
        role: Some(role),
        ..all()
    };
    assert_eq!(list(everything).await, [second.id, third.id, revoked.id]);
    assert_eq!(
        world.app.auth.grant(&admin, revoked.id).await.unwrap(),
        Some(revoked)
    );
}

#[tokio::test]
async fn revoking_twice_is_revoking_once() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let role = RoleRef::Custom(world.role("Opener", &[OPEN]).await.id);
    let grant = world.grant(to_user(ada.id, role)).await;
    let admin = world.admin().await;

    let first = world.app.auth.revoke_grant(&admin, grant.id).await.unwrap();
    world.set_clock(60);
    let second = world.app.auth.revoke_grant(&admin, grant.id).await.unwrap();

    assert_eq!(
        (first.revoked_at, first.revoked_by),
        (Some(world.at(0)), Some(world.admin.id))
    );
    assert_eq!(first, second);
    assert!(world.ctx(&ada).await.require(OPEN).is_err());
}

#[tokio::test]
async fn nobody_gives_away_more_than_they_hold_nor_more_widely_nor_for_longer() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let manager = world.role("Manager", &[GRANTS_MANAGE]).await;
    let opener = RoleRef::Custom(world.role("Opener", &[OPEN]).await.id);
    let both = RoleRef::Custom(world.role("Opener and seer", &[OPEN, SEE]).await.id);
    world.grant(to_user(ada.id, RoleRef::Custom(manager.id))).await;
    let mut limited = to_user(ada.id, opener);
    limited.on = on("north");
    limited.valid_until = Some(world.at(1_000));
    world.grant(limited.clone()).await;
    let ctx = world.ctx(&ada).await;
    let auth = &world.app.auth;
    let mine = || {
        let mut new = limited.clone();
        new.principal = GrantPrincipal::User(bob.id);
        new
    };

    let mut wider = mine();
    wider.on = None;
    let mut elsewhere = mine();
    elsewhere.on = on("south");
    let mut longer = mine();
    longer.valid_until = Some(world.at(1_000) + TICK);
    let mut endless = mine();
    endless.valid_until = None;
    let mut more = mine();
    more.role = both;
    let mut builtin = mine();
    builtin.role = RoleRef::BuiltIn(Role::Admin);
    for new in [wider, elsewhere, longer, endless, more, builtin] {
        let refused = auth.grant_role(&ctx, new.clone()).await;
        assert!(matches!(refused, Err(AuthzError::Exceeds(_))), "{new:?}");
    }
    assert!(!world.ctx(&bob).await.may(OPEN, &depot("north"), world.at(0)));
    auth.grant_role(&ctx, mine()).await.unwrap();
    assert!(world.ctx(&bob).await.may(OPEN, &depot("north"), world.at(0)));
}

#[tokio::test]
async fn who_loses_the_right_to_grant_while_granting_grants_nothing() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let role = RoleRef::Custom(world.role("Deputy", &[GRANTS_MANAGE, OPEN]).await.id);
    let held = world.grant(to_user(ada.id, role)).await;
    // Of a request that was authenticated before.
    let ctx = world.ctx(&ada).await;
    let admin = world.admin().await;
    world.app.auth.revoke_grant(&admin, held.id).await.unwrap();

    let late = world.app.auth.grant_role(&ctx, to_user(bob.id, role)).await;

    assert!(matches!(late, Err(AuthzError::Forbidden(_))), "{late:?}");
    assert!(world.ctx(&bob).await.require(OPEN).is_err());
}

/// Whoever of the two is first: a grant that comes after the revocation is refused, and one that comes before was made by somebody who
/// held it.
#[tokio::test]
async fn a_grant_never_comes_after_the_revocation_of_the_right_to_make_it() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let role = RoleRef::Custom(world.role("Deputy", &[GRANTS_MANAGE, OPEN]).await.id);
    let admin = world.admin().await;
    let auth = &world.app.auth;
    for _ in 0..10 {
        let held = world.grant(to_user(ada.id, role)).await;
        let ctx = world.ctx(&ada).await;

        let (granted, revoked) = tokio::join!(
            auth.grant_role(&ctx, to_user(bob.id, role)),
            auth.revoke_grant(&admin, held.id),
        );

        revoked.unwrap();
        match granted {
            Ok(grant) => {
                let order = super::trail::order(&world, grant.id, held.id).await;
                assert!(
                    order.is_lt(),
                    "it was granted by somebody who had lost the right to"
                );
                auth.revoke_grant(&admin, grant.id).await.unwrap();
            }
            Err(error) => assert!(matches!(error, AuthzError::Forbidden(_)), "{error:?}"),
        }
        let after = auth.grant_role(&ctx, to_user(bob.id, role)).await;
        assert!(matches!(after, Err(AuthzError::Forbidden(_))), "{after:?}");
    }
}

#[tokio::test]
async fn the_last_one_who_administers_the_tenant_cannot_stop() {
    // In this tenant nobody is in the built-in role of admins.
    let other = World::without_admin().await;
    let ada = other.user("ada").await;
    let bob = other.user("bob").await;
    let group = other.group("Board").await;
    let admin = RoleRef::BuiltIn(Role::Admin);
    other.grant(to(GrantPrincipal::Group(group.id), admin)).await;
    let membership = other.put(Member::User(ada.id), group.id).await.unwrap();
    let ctx = other.ctx(&ada).await;
    let auth = &other.app.auth;
    let granted = auth
        .list_grants(&ctx, &GrantFilter::default(), None, 10)
        .await
        .unwrap();

    let revoked = auth.revoke_grant(&ctx, granted[0].id).await;
    assert!(matches!(revoked, Err(AuthzError::LastAdmin)), "{revoked:?}");
    let removed = auth.remove_member(&ctx, group.id, membership.id).await;
    assert!(matches!(removed, Err(AuthzError::LastAdmin)), "{removed:?}");
    // A successor for a minute is none.
    let mut brief = to_user(bob.id, admin);
    brief.valid_until = Some(other.at(60));
    auth.grant_role(&ctx, brief).await.unwrap();
    let removed = auth.remove_member(&ctx, group.id, membership.id).await;
    assert!(matches!(removed, Err(AuthzError::LastAdmin)), "{removed:?}");
    auth.grant_role(&ctx, to_user(bob.id, admin)).await.unwrap();
    auth.remove_member(&ctx, group.id, membership.id).await.unwrap();
    assert!(other.ctx(&ada).await.require(GRANTS_MANAGE).is_err());
}

#[tokio::test]
async fn of_two_last_administrators_who_stop_at_the_same_time_one_stays() {
    // In this tenant nobody is in the built-in role of admins.
    let other = World::without_admin().await;
    let (ada, bob) = (other.user("ada").await, other.user("bob").await);
    let admin = RoleRef::BuiltIn(Role::Admin);
    for _ in 0..5 {
        let of_ada = other.grant(to_user(ada.id, admin)).await;
        let of_bob = other.grant(to_user(bob.id, admin)).await;
        let (as_ada, as_bob) = (other.ctx(&ada).await, other.ctx(&bob).await);

        let (one, two) = tokio::join!(
            other.app.auth.revoke_grant(&as_ada, of_ada.id),
            other.app.auth.revoke_grant(&as_bob, of_bob.id),
        );

        let stays = [&one, &two]
            .into_iter()
            .filter(|end| matches!(end, Err(AuthzError::LastAdmin)));
        assert_eq!(stays.count(), 1, "{one:?} {two:?}");
        for grant in [of_ada, of_bob] {
            other.app.auth.revoke_grant(&other.job(), grant.id).await.unwrap();
        }
    }
}
