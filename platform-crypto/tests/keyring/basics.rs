//! Getting keys.

use platform_crypto::{KeyState, Purpose};

use crate::support::{ADA, World, seal};

#[tokio::test]
async fn the_first_use_makes_a_tenants_key() {
    let world = World::shared().await;
    let keyring = world.keyring().await;

    let keys = keyring.keys(&world.ctx()).await.unwrap();
    let customer = seal(&keys, &world.sources);

    assert_eq!(customer.open(&keys).unwrap(), ADA);
    let listed = keyring.list(&world.ctx()).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].purpose, Purpose::Data);
    assert_eq!(listed[0].version, 1);
    assert_eq!(listed[0].state, KeyState::Active);
    assert_eq!(Some(listed[0].id), keys.sealing_id());
    assert_eq!(world.log.of(world.tenant), [("key.create", "success")]);
}

#[tokio::test]
async fn another_process_opens_what_was_sealed() {
    let world = World::shared().await;
    let (one, other) = (world.keyring().await, world.other_process().await);

    let customer = seal(&one.keys(&world.ctx()).await.unwrap(), &world.sources);
    let keys = other.keys(&world.ctx()).await.unwrap();

    assert_eq!(customer.open(&keys).unwrap(), ADA);
}
