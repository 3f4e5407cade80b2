//! No key seals more often than is safe.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::future::join_all;
use platform_crypto::{KeyError, KeyState, SealError};

use crate::support::{ADA, EMAIL, TTL, World, seal};

// C14
#[tokio::test]
async fn a_key_seals_as_often_as_it_may_and_then_not_once_more() {
    let world = World::shared().await;
    let keyring = world
        .builder()
        .lease(100)
        .budget(2000, 1000)
        .open()
        .await
        .unwrap();
    let ctx = world.ctx();

    let mut seals = 0;
    let refused = loop {
        let keys = match keyring.keys(&ctx).await {
            Ok(keys) => keys,
            Err(refused) => break refused,
        };
        let at = EMAIL.at(world.tenant, world.sources.uuid_v7());
        keys.seal(&at, &ADA.to_owned()).unwrap();
        seals += 1;
    };

    assert_eq!(seals, 1000);
    assert!(matches!(refused, KeyError::BudgetSpent(_)) && refused.is_unavailable());
    world.pass(TTL);
    let keys = keyring.keys(&ctx).await.unwrap();
    let listed = keyring.list(&ctx).await.unwrap();
    assert_eq!(
        Some(listed[1].id),
        keys.sealing_id(),
        "the next version was on its way"
    );
    assert_eq!(listed[0].uses, 1000);
}

// C14
#[tokio::test]
async fn a_key_that_has_sealed_much_is_rotated_in_time() {
    let world = World::shared().await;
    let keyring = world.builder().lease(100).budget(500, 1000).open().await.unwrap();
    let ctx = world.ctx();

    let mut seals = HashMap::new();
    for _ in 0..3000 {
        let keys = keyring.keys(&ctx).await.unwrap();
        let at = EMAIL.at(world.tenant, world.sources.uuid_v7());
        keys.seal(&at, &ADA.to_owned()).unwrap();
        *seals.entry(keys.sealing_id().unwrap()).or_insert(0) += 1;
        world.pass(TTL / 300);
    }

    assert!(seals.len() >= 4, "{seals:?}");
    assert!(seals.values().all(|seals| *seals <= 1000), "{seals:?}");
    let listed = keyring.list(&ctx).await.unwrap();
    for key in &listed {
        assert!(
            key.uses >= seals.get(&key.id).copied().unwrap_or(0),
            "never fewer than were made"
        );
    }
    let spares = listed
        .iter()
        .filter(|key| key.state == KeyState::PreActive)
        .count();
    assert!(spares <= 1, "one successor is enough");
}

#[tokio::test]
async fn processes_share_the_budget_of_a_key() {
    let world = World::shared().await;
    let ctx = world.ctx();
    let mut processes = Vec::new();
    for _ in 0..3 {
        processes.push(world.builder().lease(64).budget(1000, 1000).open().await.unwrap());
    }

    let mut seals = 0;
    let mut open = true;
    while open {
        open = false;
        for process in &processes {
            let Ok(keys) = process.keys(&ctx).await else {
                continue;
            };
            let at = EMAIL.at(world.tenant, world.sources.uuid_v7());
            keys.seal(&at, &ADA.to_owned()).unwrap();
            seals += 1;
            open = true;
        }
    }

    assert_eq!(seals, 1000);
}

#[tokio::test]
async fn keys_that_were_held_for_long_say_that_they_are_spent() {
    let world = World::shared().await;
    let keyring = world.builder().lease(10).open().await.unwrap();
    let keys = keyring.keys(&world.ctx()).await.unwrap();
    let seal_one = || {
        let at = EMAIL.at(world.tenant, world.sources.uuid_v7());
        keys.seal(&at, &ADA.to_owned()).map(drop)
    };

    for _ in 0..10 {
        seal_one().unwrap();
    }
    assert!(matches!(seal_one(), Err(SealError::BudgetSpent(_))));

    keyring.keys(&world.ctx()).await.unwrap();
    seal_one().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_run_out_at_once_lease_once() {
    let world = World::shared().await;
    let keyring = world.builder().lease(10_000).open().await.unwrap();

    let tasks = (0..200).map(|_| {
        let (keyring, ctx) = (keyring.clone(), world.ctx());
        tokio::spawn(async move { keyring.keys(&ctx).await.unwrap().sealing_id() })
    });
    join_all(tasks).await;

    assert_eq!(keyring.list(&world.ctx()).await.unwrap()[0].uses, 10_000);
}

#[tokio::test]
async fn a_key_that_may_not_seal_any_more_still_opens() {
    let world = World::shared().await;
    let keyring = world.builder().lease(10).budget(10, 10).open().await.unwrap();
    let ctx = world.ctx();
    let mut last = None;
    while let Ok(keys) = keyring.keys(&ctx).await {
        last = Some(seal(&keys, &world.sources));
    }
    let customer = last.unwrap();

    let keys = keyring.keys_for(&ctx, customer.email.key_id()).await.unwrap();

    assert_eq!(customer.open(&keys).unwrap(), ADA);
    let at = EMAIL.at(world.tenant, world.sources.uuid_v7());
    assert!(matches!(
        keys.seal(&at, &ADA.to_owned()),
        Err(SealError::BudgetSpent(_))
    ));
}

#[tokio::test]
async fn keys_for_a_list_seal_as_well() {
    let world = World::shared().await;
    let keyring = world.keyring().await;

    let keys = keyring.keys_for(&world.ctx(), []).await.unwrap();

    assert_eq!(seal(&keys, &world.sources).open(&keys).unwrap(), ADA);
}

#[tokio::test]
async fn what_was_leased_is_used_up_when_no_more_can_be_had() {
    let world = World::shared().await;
    let keyring = world.builder().lease(10).open().await.unwrap();
    keyring.keys(&world.ctx()).await.unwrap();
    world.db.close().await;

    for _ in 0..10 {
        let keys = keyring.keys(&world.ctx()).await.unwrap();
        let at = EMAIL.at(world.tenant, world.sources.uuid_v7());
        keys.seal(&at, &ADA.to_owned()).unwrap();
    }

    assert!(keyring.keys(&world.ctx()).await.unwrap_err().is_unavailable());
}

#[tokio::test]
async fn a_thousand_who_wait_for_a_lease_do_not_try_one_after_the_other() {
    let world = World::own().await;
    let keyring = world.impatient_process(|builder| builder.lease(10)).await;
    for _ in 0..10 {
        seal(&keyring.keys(&world.ctx()).await.unwrap(), &world.sources);
        // Its lease is used up, and no other is made.
        world.cut_connections().await;
    }

    let (begun, ctx) = (Instant::now(), world.ctx());
    let all = join_all((0..1000).map(|_| keyring.keys(&ctx))).await;

    assert!(all.iter().all(|keys| keys.as_ref().unwrap_err().is_unavailable()));
    // One try takes 100 ms.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
