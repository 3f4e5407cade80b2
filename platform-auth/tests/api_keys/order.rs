//! Keys that change together are taken in one order.

use platform_auth::{IssuedApiKey, RoleRef, ServicePrincipal};
use platform_core::uuid::Uuid;

use crate::keys::{new_key, of_service, service, under};
use crate::locks::Held;
use crate::support::App;
use crate::world::{OPEN, World, config, to};

const API_KEY: &str = "platform_auth.api_key";

/// A service principal with keys, in the order of their ids.
async fn with_keys(world: &World, name: &str, count: usize) -> (ServicePrincipal, Vec<IssuedApiKey>) {
    let principal = service(world, name).await;
    let role = RoleRef::Custom(world.role(&format!("Opener for {name}"), &[OPEN]).await.id);
    world
        .grant(to(platform_auth::GrantPrincipal::Service(principal.id), role))
        .await;
    let mut keys = Vec::new();
    for _ in 0..count {
        keys.push(
            of_service(world, &principal, new_key(world, &[OPEN]))
                .await
                .unwrap(),
        );
    }
    keys.sort_by_key(|issued| issued.key.id);
    (principal, keys)
}

/// Shows the keys, so that their use waits to be noted.
async fn used(app: &App, keys: &[IssuedApiKey]) {
    for key in keys {
        assert!(under(app, key).await.is_ok());
    }
}

fn ids(keys: &[IssuedApiKey]) -> Vec<Uuid> {
    keys.iter().map(|issued| issued.key.id.as_uuid()).collect()
}

#[tokio::test]
async fn the_use_of_keys_is_noted_and_keys_are_revoked_in_the_order_of_their_ids() {
    let world = World::new().await;
    let (principal, keys) = with_keys(&world, "Settlement", 6).await;
    let auth = &world.app.auth;
    // The first one is written last, and lies behind the others.
    used(&world.app, &keys[..1]).await;
    assert_eq!(auth.record_api_key_use().await.unwrap(), 1);
    world.set_clock(11 * 60);
    used(&world.app, &keys).await;

    let mut held = Held::row(&world.app, API_KEY, keys[0].key.id.as_uuid()).await;
    let noting = tokio::spawn({
        let auth = auth.clone();
        async move { auth.record_api_key_use().await }
    });
    held.is_waited_for().await;
    assert_eq!(held.free(world.place.id).await, ids(&keys[1..]), "noting");
    held.release().await;
    assert_eq!(noting.await.unwrap().unwrap(), 6);

    let mut held = Held::row(&world.app, API_KEY, keys[0].key.id.as_uuid()).await;
    let revoking = tokio::spawn({
        let (auth, job) = (auth.clone(), world.job());
        async move { auth.delete_service_principal(&job, principal.id).await }
    });
    held.is_waited_for().await;
    assert_eq!(held.free(world.place.id).await, ids(&keys[1..]), "revoking");
    held.release().await;
    revoking.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_two_instances_note_the_use_of_keys_all_of_them_are_revoked() {
    let world = World::new().await;
    let other = App::on(world.app.test.clone(), config()).await;
    for round in 0..10 {
        let (principal, keys) = with_keys(&world, &format!("Program {round}"), 8).await;
        used(&world.app, &keys).await;
        used(&other, &keys).await;
        let job = world.job();

        let (here, there, deleted) = tokio::join!(
            world.app.auth.record_api_key_use(),
            other.auth.record_api_key_use(),
            world.app.auth.delete_service_principal(&job, principal.id),
        );

        deleted.unwrap();
        // Each use is noted once, by the one or the other.
        assert_eq!(here.unwrap() + there.unwrap(), 8);
        for key in &keys {
            assert!(under(&world.app, key).await.is_err());
        }
    }
}
