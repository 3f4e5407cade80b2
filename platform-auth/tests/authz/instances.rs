use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::StatusCode;
use platform_auth::{GRANTS_MANAGE, RoleRef, RoleUpdate};
use platform_core::axum;

use super::world::{OPEN, SEE, World, config, context, names, to_user};
use crate::support::{App, Call};

#[tokio::test]
async fn a_revocation_holds_for_the_next_request_of_another_instance() {
    let world = World::new().await;
    let other = App::on(world.app.test.clone(), config()).await;
    let ada = world.user("ada").await;
    let role = RoleRef::Custom(world.role("Opener", &[OPEN, GRANTS_MANAGE]).await.id);
    let admin = world.admin().await;
    for _ in 0..3 {
        let grant = world
            .app
            .auth
            .grant_role(&admin, to_user(ada.id, role))
            .await
            .unwrap();
        // Twice, so that the second is answered from memory.
        for _ in 0..2 {
            assert!(context(&other, &ada).await.require(OPEN).is_ok());
        }
        let grants = Call::get("/admin/v1/grants").bearer(&ada.token);
        assert_eq!(other.send(grants).await.status, StatusCode::OK);

        world.app.auth.revoke_grant(&admin, grant.id).await.unwrap();

        assert!(context(&other, &ada).await.require(OPEN).is_err());
        let grants = Call::get("/admin/v1/grants").bearer(&ada.token);
        other.send(grants).await.refused(403, "forbidden");
    }
}

#[tokio::test]
async fn a_changed_role_holds_for_the_next_request_of_another_instance() {
    let world = World::new().await;
    let other = App::on(world.app.test.clone(), config()).await;
    let ada = world.user("ada").await;
    let role = world.role("Opener", &[OPEN]).await;
    world.grant(to_user(ada.id, RoleRef::Custom(role.id))).await;
    assert!(context(&other, &ada).await.require(OPEN).is_ok());

    let update = RoleUpdate {
        version: 1,
        name: "Seer".to_owned(),
        permissions: names(&[SEE]),
    };
    world
        .app
        .auth
        .update_role(&world.admin().await, role.id, update)
        .await
        .unwrap();

    let ctx = context(&other, &ada).await;
    assert!(ctx.require(OPEN).is_err() && ctx.require(SEE).is_ok());
}

/// While rights change all the time, no request that begins after a change sees what was before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_request_that_begins_after_a_revocation_sees_the_right() {
    let world = World::new().await;
    let other = App::on(world.app.test.clone(), config()).await;
    let ada = world.user("ada").await;
    let role = RoleRef::Custom(world.role("Opener", &[OPEN]).await.id);
    let stop = AtomicBool::new(false);

    let changing = async {
        for _ in 0..20 {
            let grant = world.grant(to_user(ada.id, role)).await;
            assert!(context(&other, &ada).await.require(OPEN).is_ok());
            world.app.auth.revoke_grant(&world.job(), grant.id).await.unwrap();
            assert!(context(&other, &ada).await.require(OPEN).is_err());
        }
        stop.store(true, Ordering::SeqCst);
    };
    // Others keep filling the cache with whatever they read.
    let reading = async {
        while !stop.load(Ordering::SeqCst) {
            let _ = context(&other, &ada).await.require(OPEN);
        }
    };
    tokio::join!(changing, reading, async {
        while !stop.load(Ordering::SeqCst) {
            let _ = context(&other, &ada).await.require(OPEN);
        }
    });
}
