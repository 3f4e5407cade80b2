//! What is done from time to time.

use std::sync::Arc;
use std::time::Duration;

use platform_core::TenantId;
use platform_crypto::{KeyState, LocalRoot, Purpose, new_key_text};

use crate::support::{ADA, GRACE, Switched, TTL, World, seal};

#[tokio::test]
async fn maintenance_marks_due_versions_and_does_nothing_twice() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    keyring.rotate(&world.ctx(), Purpose::Data).await.unwrap();
    keyring.rotate(&world.ctx(), Purpose::Data).await.unwrap();
    keyring.rotate(&world.ctx(), Purpose::Index).await.unwrap();
    keyring.rotate(&world.ctx(), Purpose::Index).await.unwrap();

    assert_eq!(keyring.maintain(&world.ctx()).await.unwrap().activated, 0);
    world.pass(TTL);
    assert_eq!(keyring.maintain(&world.ctx()).await.unwrap().activated, 2);
    assert_eq!(keyring.maintain(&world.ctx()).await.unwrap().activated, 0);

    let listed = keyring.list(&world.ctx()).await.unwrap();
    let states: Vec<_> = listed
        .iter()
        .map(|key| (key.purpose, key.version, key.state))
        .collect();
    assert_eq!(
        states,
        [
            (Purpose::Data, 1, KeyState::DecryptOnly),
            (Purpose::Data, 2, KeyState::Active),
            (Purpose::Index, 1, KeyState::DecryptOnly),
            (Purpose::Index, 2, KeyState::Active),
        ]
    );
}

#[tokio::test]
async fn a_key_that_is_too_old_is_rotated_once() {
    let world = World::shared().await;
    let day = Duration::from_secs(86_400);
    let keyring = world.builder().rotate_after(90 * day).open().await.unwrap();
    keyring.keys(&world.ctx()).await.unwrap();

    world.pass(89 * day);
    assert_eq!(keyring.maintain(&world.ctx()).await.unwrap().rotated, 0);
    world.pass(day);
    assert_eq!(keyring.maintain(&world.ctx()).await.unwrap().rotated, 1);
    assert_eq!(keyring.maintain(&world.ctx()).await.unwrap().rotated, 0);
    world.pass(90 * day);
    assert_eq!(keyring.maintain(&world.ctx()).await.unwrap().rotated, 0);
    world.pass(TTL);
    assert_eq!(keyring.maintain(&world.ctx()).await.unwrap().rotated, 1);
}

#[tokio::test]
async fn a_sweep_brings_every_tenant_under_the_new_root_key_and_the_old_one_can_go() {
    let world = World::own().await;
    let old = new_key_text(&world.sources);
    let new = new_key_text(&world.sources);
    let keyring = world.keyring_with(&old).await;
    let mut customers = Vec::new();
    let mut tenants: Vec<TenantId> = vec![world.tenant];
    for _ in 0..3 {
        tenants.push(world.test.tenant().await);
    }
    for tenant in &tenants {
        let ctx = world.ctx_of(*tenant);
        customers.push(seal(&keyring.keys(&ctx).await.unwrap(), &world.sources));
    }
    keyring.rotate(&world.ctx(), Purpose::Index).await.unwrap();
    let old_root = keyring.list(&world.ctx()).await.unwrap()[0].root.clone().unwrap();

    let both = world.keyring_with(&format!("{}\n{}", *new, *old)).await;
    let refused = platform_crypto::Keyring::retire_root(&world.db, &old_root).await;
    assert!(matches!(refused, Err(platform_crypto::KeyError::RootKeyInUse(_))));
    let swept = both.sweep().await.unwrap();
    assert_eq!((swept.tenants, swept.failed, swept.done.rewrapped), (4, 0, 5));
    assert_eq!(both.sweep().await.unwrap().done.rewrapped, 0);

    assert!(
        platform_crypto::Keyring::retire_root(&world.db, &old_root)
            .await
            .unwrap()
    );
    assert!(
        !platform_crypto::Keyring::retire_root(&world.db, &old_root)
            .await
            .unwrap()
    );
    let after = world.keyring_with(&new).await;
    for customer in &customers {
        let keys = after.keys(&world.ctx_of(customer.tenant)).await.unwrap();
        assert_eq!(customer.open(&keys).unwrap(), ADA);
    }
    assert!(world.log.of(world.tenant).contains(&("key.rewrap", "success")));
}

#[tokio::test]
async fn a_tenant_whose_keys_cannot_be_maintained_does_not_stop_the_sweep() {
    let world = World::own().await;
    let old = new_key_text(&world.sources);
    let keyring = world.keyring_with(&old).await;
    let other = world.test.tenant().await;
    keyring.keys(&world.ctx()).await.unwrap();
    keyring.keys(&world.ctx_of(other)).await.unwrap();
    let broken = format!(
        "update platform_crypto.tenant_key set wrapped = set_byte(wrapped, 20, 255 - get_byte(wrapped, 20)) where tenant_id = '{}'",
        world.tenant
    );
    world.as_superuser(&broken).await;

    let both = world
        .keyring_with(&format!("{}\n{}", *new_key_text(&world.sources), *old))
        .await;
    let swept = both.sweep().await.unwrap();

    assert_eq!((swept.tenants, swept.failed, swept.done.rewrapped), (2, 1, 1));
}

#[tokio::test]
async fn rotating_the_root_key_disturbs_nobody() {
    let world = World::own().await;
    let old = new_key_text(&world.sources);
    let before = world.keyring_with(&old).await;
    let customer = seal(&before.keys(&world.ctx()).await.unwrap(), &world.sources);
    let id = before.keys(&world.ctx()).await.unwrap().sealing_id();
    let new_first = format!("{}\n{}", *new_key_text(&world.sources), *old);
    let text = LocalRoot::from_text(&new_first, &world.sources).unwrap();
    let after = world
        .builder_with(Arc::new(Switched::new(text)))
        .open()
        .await
        .unwrap();

    assert_eq!(after.rewrap(&world.ctx()).await.unwrap(), 1);
    assert_eq!(after.rewrap(&world.ctx()).await.unwrap(), 0);

    // A process that was not given the new root key yet goes on for the grace.
    world.pass(TTL);
    assert_eq!(before.keys(&world.ctx()).await.unwrap().sealing_id(), id);
    world.pass(GRACE);
    assert!(before.keys(&world.ctx()).await.is_err());
    let keys = after.keys(&world.ctx()).await.unwrap();
    assert_eq!(keys.sealing_id(), id, "the data key is the same");
    assert_eq!(customer.open(&keys).unwrap(), ADA);
}
