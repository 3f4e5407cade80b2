//! How a tenant comes to its first key.

use std::collections::HashSet;

use futures::future::join_all;
use platform_crypto::{KeyError, KeyState, Keyring, OpenError, Purpose};

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

#[tokio::test]
async fn every_tenant_has_a_key_of_its_own() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    let other = world.test.tenant().await;

    let customer = seal(&keyring.keys(&world.ctx()).await.unwrap(), &world.sources);
    let others = keyring.keys(&world.ctx_of(other)).await.unwrap();

    assert!(matches!(customer.open(&others), Err(OpenError::UnknownKey(_))));
    assert_eq!(keyring.list(&world.ctx_of(other)).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_processes_that_make_the_first_key_at_once_agree_on_one() {
    let mut world = World::shared().await;
    let mut processes = Vec::new();
    for _ in 0..6 {
        processes.push(world.other_process().await);
    }
    // Two inserts have to meet in the middle of a statement, which takes some tries.
    for _ in 0..50 {
        world.tenant = world.test.tenant().await;
        all_make_the_first_key(&world, &processes).await;
    }
}

async fn all_make_the_first_key(world: &World, processes: &[Keyring]) {
    let ctx = world.ctx();
    let all = join_all(processes.iter().map(|process| process.keys(&ctx))).await;

    let ids: HashSet<_> = all
        .iter()
        .map(|keys| keys.as_ref().unwrap().sealing_id())
        .collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(processes[0].list(&ctx).await.unwrap().len(), 1);
    assert_eq!(world.log.of(world.tenant), [("key.create", "success")]);
}

#[tokio::test]
async fn a_key_that_cannot_be_recorded_is_not_made() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    world.log.set_refusing(true);

    let refused = keyring.keys(&world.ctx()).await;

    assert!(matches!(refused, Err(KeyError::Log(_))));
    assert_eq!(keyring.list(&world.ctx()).await.unwrap().len(), 0);
    world.log.set_refusing(false);
    assert!(keyring.keys(&world.ctx()).await.is_ok());
}
