//! The end of a key.

use std::time::Duration;

use platform_crypto::{KeyError, KeyState, OpenError, Purpose};

use crate::support::{ADA, TTL, World, seal};

#[tokio::test]
async fn what_a_destroyed_key_has_sealed_is_gone_in_every_process() {
    let world = World::shared().await;
    let (one, other) = (world.keyring().await, world.other_process().await);
    let customer = seal(&one.keys(&world.ctx()).await.unwrap(), &world.sources);
    one.rotate(&world.ctx(), Purpose::Data).await.unwrap();
    world.pass(TTL);
    let kept = seal(&one.keys(&world.ctx()).await.unwrap(), &world.sources);
    world.pass(2 * TTL);
    assert_eq!(
        customer.open(&other.keys(&world.ctx()).await.unwrap()).unwrap(),
        ADA
    );

    let destroyed = one.destroy(&world.ctx(), Purpose::Data, 1).await.unwrap();

    assert_eq!((destroyed.state, destroyed.root), (KeyState::Destroyed, None));
    let gone = OpenError::KeyDestroyed(destroyed.id);
    let keys = one.keys(&world.ctx()).await.unwrap();
    assert_eq!(customer.open(&keys).unwrap_err(), gone);
    assert_eq!(kept.open(&keys).unwrap(), ADA);
    // No message reaches the other process in this test: its time-to-live is the bound.
    world.pass(TTL);
    assert_eq!(
        customer
            .open(&other.keys(&world.ctx()).await.unwrap())
            .unwrap_err(),
        gone
    );
    assert_eq!(
        world
            .number(&format!(
                "select count(*) from platform_crypto.tenant_key where tenant_id = '{}' and wrapped is not null",
                world.tenant
            ))
            .await,
        1
    );
}

#[tokio::test]
async fn a_key_that_may_still_be_in_use_is_not_destroyed_and_the_attempt_is_recorded() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    let customer = seal(&keyring.keys(&world.ctx()).await.unwrap(), &world.sources);
    keyring.rotate(&world.ctx(), Purpose::Data).await.unwrap();

    let active = keyring.destroy(&world.ctx(), Purpose::Data, 1).await;
    let published = keyring.destroy(&world.ctx(), Purpose::Data, 2).await;
    world.pass(TTL);
    let retired = keyring.destroy(&world.ctx(), Purpose::Data, 1).await;

    let state = |result| match result {
        Err(KeyError::NotDestroyable { state }) => state,
        other => panic!("{other:?}"),
    };
    assert_eq!(state(active), KeyState::Active);
    assert_eq!(state(published), KeyState::PreActive);
    let until = world.sources.now() + 2 * TTL;
    assert!(matches!(retired, Err(KeyError::TooEarly { until: told }) if told == until));
    assert_eq!(
        customer.open(&keyring.keys(&world.ctx()).await.unwrap()).unwrap(),
        ADA
    );
    let denied = world.log.of(world.tenant);
    assert_eq!(
        denied
            .iter()
            .filter(|event| **event == ("key.destroy", "denied"))
            .count(),
        3
    );
}

#[tokio::test]
async fn a_key_waits_for_a_batch_that_began_just_before_another_process_had_to_load_anew() {
    let world = World::shared().await;
    let (one, other) = (world.keyring().await, world.other_process().await);
    other.keys(&world.ctx()).await.unwrap();
    one.rotate_now(&world.ctx(), Purpose::Data).await.unwrap();
    let moment = Duration::from_millis(1);
    world.pass(TTL - moment);

    // The longest that anybody can have the old key: taken out of the cache at the last moment, held for a time-to-live.
    let held = other.keys(&world.ctx()).await.unwrap();
    world.pass(TTL);
    let batch = seal(&held, &world.sources);
    let meanwhile = one.destroy(&world.ctx(), Purpose::Data, 1).await;
    let readable = batch.open(&one.keys(&world.ctx()).await.unwrap());
    world.pass(moment);
    let afterwards = one.destroy(&world.ctx(), Purpose::Data, 1).await;

    assert!(
        matches!(meanwhile, Err(KeyError::TooEarly { .. })),
        "{meanwhile:?}"
    );
    assert_eq!(readable.unwrap(), ADA);
    assert!(afterwards.is_ok(), "{afterwards:?}");
}

#[tokio::test]
async fn a_key_is_destroyed_once() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    keyring.keys(&world.ctx()).await.unwrap();
    keyring.rotate_now(&world.ctx(), Purpose::Data).await.unwrap();
    world.pass(2 * TTL);

    keyring.destroy(&world.ctx(), Purpose::Data, 1).await.unwrap();
    let again = keyring.destroy(&world.ctx(), Purpose::Data, 1).await;
    let unknown = keyring.destroy(&world.ctx(), Purpose::Data, 7).await;
    let others = keyring
        .destroy(&world.ctx_of(world.test.tenant().await), Purpose::Data, 2)
        .await;

    assert!(matches!(
        again,
        Err(KeyError::NotDestroyable {
            state: KeyState::Destroyed
        })
    ));
    assert!(matches!(unknown, Err(KeyError::NotFound { version: 7, .. })));
    assert!(matches!(others, Err(KeyError::NotFound { version: 2, .. })));
}

#[tokio::test]
async fn a_destruction_that_cannot_be_recorded_does_not_happen() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    let customer = seal(&keyring.keys(&world.ctx()).await.unwrap(), &world.sources);
    keyring.rotate_now(&world.ctx(), Purpose::Data).await.unwrap();
    world.pass(2 * TTL);
    world.log.set_refusing(true);

    let refused = keyring.destroy(&world.ctx(), Purpose::Data, 1).await;

    assert!(matches!(refused, Err(KeyError::Log(_))));
    world.log.set_refusing(false);
    let fresh = world.other_process().await;
    assert_eq!(
        customer.open(&fresh.keys(&world.ctx()).await.unwrap()).unwrap(),
        ADA
    );
}
