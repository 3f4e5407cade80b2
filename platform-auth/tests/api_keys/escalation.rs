use platform_auth::{
    ALL_SCOPES, ApiKeyError, ApiKeyOwner, ApiKeyRotation, ApiKeysOf, AuthzError, GRANTS_MANAGE,
    GrantPrincipal, InvalidApiKey, NewApiKey, ROLES_MANAGE, Role, RoleRef, SERVICE_PRINCIPALS_MANAGE,
    ServicePrincipal,
};

use crate::keys::{DAY_S, all, new_key, of_service, own, service, under};
use crate::world::{OPEN, Person, SEE, SEND, World, new_role, on, to, to_user};

/// A service principal that may open everywhere and see in the north.
async fn settlement(world: &World) -> ServicePrincipal {
    let made = service(world, "Settlement").await;
    for (name, permission, depot) in [("Opener", OPEN, None), ("Seer", SEE, on("north"))] {
        let role = world.role(name, &[permission]).await;
        let mut new = to(GrantPrincipal::Service(made.id), RoleRef::Custom(role.id));
        new.on = depot;
        world.grant(new).await;
    }
    made
}

/// Somebody who manages service principals and holds what is listed beside that.
async fn manager(world: &World, holds: &[(platform_core::Permission, Option<&str>, Option<i64>)]) -> Person {
    let ada = world.user("ada").await;
    let role = world.role("Manager", &[SERVICE_PRINCIPALS_MANAGE]).await;
    world.grant(to_user(ada.id, RoleRef::Custom(role.id))).await;
    for (number, (permission, depot, until)) in holds.iter().enumerate() {
        let role = world.role(&format!("Holder {number}"), &[*permission]).await;
        let mut new = to_user(ada.id, RoleRef::Custom(role.id));
        new.on = depot.and_then(on);
        new.valid_until = until.map(|second| world.at(second));
        world.grant(new).await;
    }
    ada
}

#[tokio::test]
async fn nobody_gives_a_service_principals_key_what_they_do_not_hold_as_widely_and_as_long() {
    let world = World::new().await;
    let settlement = settlement(&world).await;
    let ada = manager(
        &world,
        &[(OPEN, Some("north"), None), (SEE, None, Some(DAY_S / 2))],
    )
    .await;
    let ctx = world.ctx(&ada).await;
    let owner = ApiKeyOwner::Service(settlement.id);
    let make = async |scopes: &[platform_core::Permission], depot: Option<&str>, until: i64| {
        let new = NewApiKey {
            resources: depot.and_then(on).map(|on| vec![on]),
            expires_at: world.at(until),
            ..new_key(&world, scopes)
        };
        world.app.auth.create_api_key(&ctx, owner, new).await
    };

    let refused = make(&[OPEN], None, DAY_S).await;
    assert!(
        matches!(refused, Err(ApiKeyError::Exceeds(OPEN))),
        "not everywhere: {refused:?}"
    );
    let refused = make(&[OPEN], Some("south"), DAY_S).await;
    assert!(
        matches!(refused, Err(ApiKeyError::Exceeds(OPEN))),
        "not there: {refused:?}"
    );
    let refused = make(&[SEE], Some("north"), DAY_S).await;
    assert!(
        matches!(refused, Err(ApiKeyError::Exceeds(SEE))),
        "not for as long: {refused:?}"
    );
    let refused = make(&[SEE], Some("south"), DAY_S / 2).await;
    assert!(
        matches!(refused, Err(ApiKeyError::NotOfService(SEE))),
        "{refused:?}"
    );
    let refused = make(&[SEND], None, DAY_S).await;
    assert!(
        matches!(refused, Err(ApiKeyError::NotOfService(SEND))),
        "{refused:?}"
    );
    assert!(make(&[OPEN], Some("north"), DAY_S).await.is_ok());
    assert!(make(&[OPEN, SEE], Some("north"), DAY_S / 2).await.is_ok());
    let everything = NewApiKey {
        scopes: vec![ALL_SCOPES.to_owned()],
        ..new_key(&world, &[])
    };
    let refused = of_service(&world, &settlement, everything).await;
    assert!(
        matches!(refused, Err(ApiKeyError::Invalid(InvalidApiKey::AllScopes))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn exchanging_a_service_principals_key_is_giving_it() {
    let world = World::new().await;
    let settlement = settlement(&world).await;
    let issued = of_service(&world, &settlement, new_key(&world, &[OPEN]))
        .await
        .unwrap();
    let ada = manager(&world, &[(OPEN, Some("north"), None)]).await;
    let owner = ApiKeyOwner::Service(settlement.id);
    let rotation = ApiKeyRotation::default();

    let refused = world
        .app
        .auth
        .rotate_api_key(&world.ctx(&ada).await, owner, issued.key.id, rotation)
        .await;

    assert!(matches!(refused, Err(ApiKeyError::Exceeds(OPEN))), "{refused:?}");
    assert!(under(&world.app, &issued).await.is_ok(), "and the old one works");
    let rotated = world
        .app
        .auth
        .rotate_api_key(&world.admin().await, owner, issued.key.id, rotation)
        .await;
    assert!(rotated.is_ok());
    // A manager may take it away.
    let of = ApiKeysOf::Service(settlement.id);
    let key = rotated.unwrap();
    world
        .app
        .auth
        .revoke_api_key(&world.ctx(&ada).await, of, key.key.id)
        .await
        .unwrap();
    assert!(under(&world.app, &key).await.is_err());
}

/// A decision of whoever manages rights is made anew in the transaction, from the tables: not past what the key leaves.
#[tokio::test]
async fn a_key_that_may_grant_gives_nothing_away_past_its_scopes() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let issued = own(
        &world,
        &world.admin,
        new_key(&world, &[GRANTS_MANAGE, ROLES_MANAGE, SEE]),
    )
    .await;
    let ctx = under(&world.app, &issued).await.unwrap();
    let auth = &world.app.auth;
    let opener = world.role("Opener", &[OPEN]).await;
    let seer = world.role("Seer", &[SEE]).await;

    let admin = auth
        .grant_role(&ctx, to_user(ada.id, RoleRef::BuiltIn(Role::Admin)))
        .await;
    let open = auth
        .grant_role(&ctx, to_user(ada.id, RoleRef::Custom(opener.id)))
        .await;
    let made = auth.create_role(&ctx, new_role("Mine", &[OPEN])).await;

    assert!(matches!(admin, Err(AuthzError::Exceeds(_))), "{admin:?}");
    assert!(matches!(open, Err(AuthzError::Exceeds(OPEN))), "{open:?}");
    assert!(matches!(made, Err(AuthzError::Exceeds(OPEN))), "{made:?}");
    assert!(
        auth.grant_role(&ctx, to_user(ada.id, RoleRef::Custom(seer.id)))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_key_with_resources_gives_nothing_away_in_the_whole_tenant() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let new = NewApiKey {
        resources: on("north").map(|on| vec![on]),
        ..all(&world)
    };
    let issued = own(&world, &world.admin, new).await;
    let ctx = under(&world.app, &issued).await.unwrap();

    let granted = world
        .app
        .auth
        .grant_role(&ctx, to_user(ada.id, RoleRef::BuiltIn(Role::User)))
        .await;

    assert!(matches!(granted, Err(AuthzError::Forbidden(_))), "{granted:?}");
}

#[tokio::test]
async fn a_key_of_a_service_principal_that_manages_rights_gives_what_it_was_granted() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let settlement = service(&world, "Settlement").await;
    let role = world.role("Granter", &[GRANTS_MANAGE, SEE]).await;
    world
        .grant(to(
            GrantPrincipal::Service(settlement.id),
            RoleRef::Custom(role.id),
        ))
        .await;
    let seer = world.role("Seer", &[SEE]).await;
    let opener = world.role("Opener", &[OPEN]).await;
    let issued = of_service(&world, &settlement, new_key(&world, &[GRANTS_MANAGE, SEE]))
        .await
        .unwrap();
    let ctx = under(&world.app, &issued).await.unwrap();

    let see = world
        .app
        .auth
        .grant_role(&ctx, to_user(ada.id, RoleRef::Custom(seer.id)))
        .await;
    let open = world
        .app
        .auth
        .grant_role(&ctx, to_user(ada.id, RoleRef::Custom(opener.id)))
        .await;

    assert_eq!(see.unwrap().granted_by, Some(settlement.id));
    assert!(matches!(open, Err(AuthzError::Exceeds(OPEN))), "{open:?}");
}
