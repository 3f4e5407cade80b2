//! Leaving a tenant with nobody who administers it.

use platform_auth::{
    AuthzError, EraseUserError, GRANTS_MANAGE, GrantPrincipal, Member, Role, RoleRef, RoleUpdate,
    TENANT_ADMIN,
};
use platform_core::sqlx;
use platform_crypto::SUBJECTS_ERASE;

use crate::support::{Call, PASSWORD};
use crate::world::{World, names, to, to_user};

#[tokio::test]
async fn whoever_is_left_can_hand_the_administration_on() {
    let world = World::without_admin().await;
    let auth = &world.app.auth;
    let (ada, bob, eve) = (
        world.user("ada").await,
        world.user("bob").await,
        world.user("eve").await,
    );
    let of_ada = world.grant(to_user(ada.id, RoleRef::BuiltIn(Role::Admin))).await;
    let overseer = world.role("Overseer", &[TENANT_ADMIN]).await;
    let granter = world.role("Granter", &[GRANTS_MANAGE]).await;
    world.grant(to_user(bob.id, RoleRef::Custom(overseer.id))).await;
    let ctx = world.ctx(&ada).await;

    // Bob administers and can make nobody an administrator.
    let revoked = auth.revoke_grant(&ctx, of_ada.id).await;
    assert!(matches!(revoked, Err(AuthzError::LastAdmin)), "{revoked:?}");
    // Eve can grant, and gives away what she holds, which is not the administration.
    world.grant(to_user(eve.id, RoleRef::Custom(granter.id))).await;
    let revoked = auth.revoke_grant(&ctx, of_ada.id).await;
    assert!(matches!(revoked, Err(AuthzError::LastAdmin)), "{revoked:?}");
    // In one group they are with one user.
    let group = world.group("Board").await;
    for role in [overseer.id, granter.id] {
        world
            .grant(to(GrantPrincipal::Group(group.id), RoleRef::Custom(role)))
            .await;
    }
    world.put(Member::User(bob.id), group.id).await.unwrap();
    auth.revoke_grant(&ctx, of_ada.id).await.unwrap();
}

#[tokio::test]
async fn a_role_does_not_lose_what_the_last_administrator_grants_by() {
    let world = World::without_admin().await;
    let ada = world.user("ada").await;
    let all = [TENANT_ADMIN, GRANTS_MANAGE, platform_auth::ROLES_MANAGE];
    let role = world.role("Board", &all).await;
    world.grant(to_user(ada.id, RoleRef::Custom(role.id))).await;

    let update = RoleUpdate {
        version: 1,
        name: "Board".to_owned(),
        permissions: names(&[TENANT_ADMIN, platform_auth::ROLES_MANAGE]),
    };
    let ctx = world.ctx(&ada).await;
    let updated = world.app.auth.update_role(&ctx, role.id, update).await;

    assert!(matches!(updated, Err(AuthzError::LastAdmin)), "{updated:?}");
}

#[tokio::test]
async fn nobody_erases_the_last_administrator() {
    let world = World::new().await;
    let path = format!("/admin/v1/users/{}/erasure", world.admin.id);

    let refused = world.app.send(Call::post(&path).bearer(&world.admin.token)).await;

    refused.refused(409, "last_admin");
    // Nothing was changed.
    assert!(world.admin().await.require(SUBJECTS_ERASE).is_ok());
    world
        .app
        .sign_in(&world.place, "admin@example.com", PASSWORD)
        .await
        .expect(200);
    let mut superuser = world.app.superuser().await;
    let recorded: i64 = sqlx::query_scalar(
        "select count(*) from platform_audit.event where tenant_id = $1 and action = 'access.deny' and reason = 'last_admin'",
    )
    .bind(world.place.id)
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    assert_eq!(recorded, 1);
    // With a successor it may go, and a job of the service may erase anybody.
    let ada = world.user("ada").await;
    world.grant(to_user(ada.id, RoleRef::BuiltIn(Role::Admin))).await;
    let erase = Call::post(&path).bearer(&world.admin.token);
    world.app.send(erase).await.expect(200);
    let eraser = world.app.auth.erase_user(&world.ctx(&ada).await, ada.id).await;
    assert!(matches!(eraser, Err(EraseUserError::LastAdmin)), "{eraser:?}");
    world.app.auth.erase_user(&world.job(), ada.id).await.unwrap();
}

#[tokio::test]
async fn of_two_last_administrators_who_erase_one_another_one_stays() {
    let world = World::without_admin().await;
    for round in 0..5 {
        let (ada, bob) = (
            world.user(&format!("ada{round}")).await,
            world.user(&format!("bob{round}")).await,
        );
        let admin = RoleRef::BuiltIn(Role::Admin);
        world.grant(to_user(ada.id, admin)).await;
        world.grant(to_user(bob.id, admin)).await;
        let (as_ada, as_bob) = (world.ctx(&ada).await, world.ctx(&bob).await);

        let (one, two) = tokio::join!(
            world.app.auth.erase_user(&as_ada, bob.id),
            world.app.auth.erase_user(&as_bob, ada.id),
        );

        let stays = [&one, &two]
            .into_iter()
            .filter(|end| matches!(end, Err(EraseUserError::LastAdmin)));
        assert_eq!(stays.count(), 1, "{one:?} {two:?}");
        // The next round begins without either.
        for who in [&ada, &bob] {
            world.app.auth.erase_user(&world.job(), who.id).await.unwrap();
        }
    }
}
