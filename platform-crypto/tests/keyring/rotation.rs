//! New versions while work goes on.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use platform_core::ManualClock;
use platform_crypto::{KeyError, KeyState, Purpose};

use crate::support::{ADA, TTL, World, seal};

#[tokio::test]
async fn a_new_version_is_published_before_it_seals() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    let old = keyring.keys(&world.ctx()).await.unwrap().sealing_id();

    let new = keyring.rotate(&world.ctx(), Purpose::Data).await.unwrap();

    assert_eq!((new.version, new.state), (2, KeyState::PreActive));
    assert_eq!(new.activates_at, world.sources.now() + TTL);
    let published = keyring.keys(&world.ctx()).await.unwrap();
    assert_eq!(published.sealing_id(), old);
    assert!(
        published.contains(new.id),
        "every process has it before anybody seals under it"
    );

    world.pass(TTL);
    assert_eq!(
        keyring.keys(&world.ctx()).await.unwrap().sealing_id(),
        Some(new.id)
    );
    let states: Vec<_> = keyring
        .list(&world.ctx())
        .await
        .unwrap()
        .iter()
        .map(|key| key.state)
        .collect();
    assert_eq!(states, [KeyState::DecryptOnly, KeyState::Active]);
    assert_eq!(
        world.log.of(world.tenant),
        [
            ("key.create", "success"),
            ("key.rotate", "success"),
            ("key.activate", "success")
        ]
    );
}

#[tokio::test]
async fn a_tenant_has_no_more_than_sixty_four_versions_of_a_key_unless_they_were_made_by_themselves() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    keyring.keys(&world.ctx()).await.unwrap();
    for _ in 1..64 {
        keyring.rotate_now(&world.ctx(), Purpose::Data).await.unwrap();
    }

    let published = keyring.rotate(&world.ctx(), Purpose::Data).await;
    let at_once = keyring.rotate_now(&world.ctx(), Purpose::Data).await;
    keyring.rotate_now(&world.ctx(), Purpose::Index).await.unwrap();
    world.pass(2 * TTL);
    keyring.destroy(&world.ctx(), Purpose::Data, 1).await.unwrap();
    let again = keyring.rotate(&world.ctx(), Purpose::Data).await.unwrap();

    for refused in [published, at_once] {
        assert!(
            matches!(
                refused,
                Err(KeyError::TooManyVersions {
                    purpose: Purpose::Data,
                    count: 64
                })
            ),
            "{refused:?}"
        );
    }
    assert_eq!(again.version, 65);
    let events = world.log.of(world.tenant);
    let denied = events.iter().filter(|event| **event == ("key.rotate", "denied"));
    assert_eq!(denied.count(), 2);
}

// C5
#[tokio::test]
async fn a_rotation_reaches_a_busy_process_that_hears_no_message_within_the_bound() {
    let world = World::shared().await;
    let (one, busy) = (world.keyring().await, world.other_process().await);
    busy.keys(&world.ctx()).await.unwrap();
    world.pass(TTL / 2);

    let new = one.rotate(&world.ctx(), Purpose::Data).await.unwrap();
    let mut first_use = None;
    for second in 0..=TTL.as_secs() {
        let keys = busy.keys(&world.ctx()).await.unwrap();
        let customer = seal(&keys, &world.sources);
        if keys.sealing_id() == Some(new.id) {
            first_use = Some(second);
            break;
        }
        // What one process seals the other can open at that very moment.
        assert_eq!(
            customer.open(&one.keys(&world.ctx()).await.unwrap()).unwrap(),
            ADA
        );
        world.pass(Duration::from_secs(1));
    }

    assert_eq!(first_use, Some(TTL.as_secs()));
    let both = [
        one.keys(&world.ctx()).await.unwrap(),
        busy.keys(&world.ctx()).await.unwrap(),
    ];
    assert!(both.iter().all(|keys| keys.sealing_id() == Some(new.id)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_fails_while_keys_are_rotated_under_load() {
    let world = World::shared().await;
    let processes = [world.keyring().await, world.other_process().await];
    let first = processes[0]
        .keys(&world.ctx())
        .await
        .unwrap()
        .sealing_id()
        .unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let sealed = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for task in 0..8 {
        let (sealer, opener) = (processes[task % 2].clone(), processes[(task + 1) % 2].clone());
        let (stop, sealed, ctx, sources) = (stop.clone(), sealed.clone(), world.ctx(), world.sources.clone());
        tasks.push(tokio::spawn(async move {
            let mut ids = BTreeSet::new();
            let mut kept = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let keys = sealer.keys(&ctx).await.unwrap();
                let customer = seal(&keys, &sources);
                ids.insert(customer.email.key_id().unwrap());
                // At once, by the other process, from its own idea of the keys.
                let others = opener.keys(&ctx).await.unwrap();
                assert_eq!(customer.open(&others).unwrap(), ADA);
                sealed.fetch_add(1, Ordering::Relaxed);
                if kept.len() < 200 {
                    kept.push(customer);
                }
                tokio::task::yield_now().await;
            }
            let keys = opener.keys(&ctx).await.unwrap();
            assert!(kept.iter().all(|customer| customer.open(&keys).unwrap() == ADA));
            ids
        }));
    }

    let mut made = vec![first];
    for round in 0..12 {
        made.push(
            processes[round % 2]
                .rotate(&world.ctx(), Purpose::Data)
                .await
                .unwrap()
                .id,
        );
        for _ in 0..10 {
            world.pass(TTL / 8);
            let target = sealed.load(Ordering::Relaxed) + 40;
            while sealed.load(Ordering::Relaxed) < target && !tasks.iter().any(|task| task.is_finished()) {
                tokio::task::yield_now().await;
            }
        }
    }
    stop.store(true, Ordering::Relaxed);

    let mut used = BTreeSet::new();
    for ids in join_all(tasks).await {
        used.extend(ids.unwrap());
    }
    assert_eq!(used, made.into_iter().collect(), "every version came into use");
}

// C29
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_rotations_at_once_make_fifty_versions() {
    let world = World::shared().await;
    let processes = [world.keyring().await, world.other_process().await];

    let rotations = (0..50).map(|number| {
        let (keyring, ctx) = (processes[number % 2].clone(), world.ctx());
        tokio::spawn(async move { keyring.rotate(&ctx, Purpose::Data).await.unwrap() })
    });
    let made: Vec<_> = join_all(rotations)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();

    let versions: BTreeSet<u32> = made.iter().map(|key| key.version).collect();
    assert_eq!(versions, (1..=50).collect());
    let listed = processes[0].list(&world.ctx()).await.unwrap();
    let ids: HashMap<u32, _> = listed.iter().map(|key| (key.version, key.id)).collect();
    assert!(
        made.iter().all(|key| ids[&key.version] == key.id),
        "none was lost"
    );

    world.pass(TTL);
    let keys = processes[1].keys(&world.ctx()).await.unwrap();
    assert_eq!(keys.sealing_id(), Some(ids[&50]));
    let active = processes[1].list(&world.ctx()).await.unwrap();
    let active: Vec<u32> = active
        .iter()
        .filter(|key| key.state == KeyState::Active)
        .map(|key| key.version)
        .collect();
    assert_eq!(active, [50]);
}

#[tokio::test]
async fn an_emergency_rotation_seals_at_once_and_others_find_the_key() {
    let world = World::shared().await;
    let (one, other) = (world.keyring().await, world.other_process().await);
    one.keys(&world.ctx()).await.unwrap();
    other.keys(&world.ctx()).await.unwrap();
    world.pass(Duration::from_secs(2));

    let new = one.rotate_now(&world.ctx(), Purpose::Data).await.unwrap();

    assert_eq!(new.state, KeyState::Active);
    let keys = one.keys(&world.ctx()).await.unwrap();
    assert_eq!(keys.sealing_id(), Some(new.id));
    let customer = seal(&keys, &world.sources);
    let found = other
        .keys_for(&world.ctx(), customer.email.key_id())
        .await
        .unwrap();
    assert_eq!(customer.open(&found).unwrap(), ADA);
}

#[tokio::test]
async fn ids_that_stand_for_nothing_do_not_make_every_list_read_the_database() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    keyring.keys(&world.ctx()).await.unwrap();
    world.pass(Duration::from_secs(2));
    let before = world.provider.unwraps();

    for number in 0..100 {
        let unknown = platform_crypto::KeyId::from_bytes([number; 16]);
        let keys = keyring.keys_for(&world.ctx(), [unknown]).await.unwrap();
        assert!(!keys.contains(unknown));
    }

    assert_eq!(world.provider.unwraps() - before, 1);
}

#[tokio::test]
async fn keys_for_indexes_are_rotated_apart_from_those_for_data() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    let data = keyring.keys(&world.ctx()).await.unwrap().sealing_id();

    let first = keyring.rotate(&world.ctx(), Purpose::Index).await.unwrap();
    let second = keyring.rotate(&world.ctx(), Purpose::Index).await.unwrap();

    assert_eq!((first.version, first.state), (1, KeyState::Active));
    assert_eq!((second.version, second.state), (2, KeyState::PreActive));
    world.pass(TTL);
    assert_eq!(keyring.keys(&world.ctx()).await.unwrap().sealing_id(), data);
}

#[tokio::test]
async fn a_process_whose_clock_lags_seals_under_what_the_others_have_activated() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    keyring.keys(&world.ctx()).await.unwrap();
    let new = keyring.rotate(&world.ctx(), Purpose::Data).await.unwrap();
    let lagging = Arc::new(ManualClock::starting_at(world.sources.now()));
    world.pass(TTL);
    keyring.promote(&world.ctx()).await.unwrap();

    let behind = world.process_at(lagging).await;

    assert_eq!(
        behind.keys(&world.ctx()).await.unwrap().sealing_id(),
        Some(new.id)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rotations_and_a_first_use_at_once_leave_one_first_version() {
    for _ in 0..10 {
        let world = World::shared().await;
        let processes = [world.keyring().await, world.other_process().await];
        let tasks = (0..6).map(|number| {
            let (keyring, ctx) = (processes[number % 2].clone(), world.ctx());
            tokio::spawn(async move {
                match number % 3 {
                    0 => drop(keyring.keys(&ctx).await.unwrap()),
                    1 => drop(keyring.rotate(&ctx, Purpose::Data).await.unwrap()),
                    _ => drop(keyring.rotate_now(&ctx, Purpose::Data).await.unwrap()),
                }
            })
        });
        for task in join_all(tasks).await {
            task.unwrap();
        }

        let listed = processes[0].list(&world.ctx()).await.unwrap();
        let versions: Vec<u32> = listed.iter().map(|key| key.version).collect();
        assert_eq!(
            versions,
            (1..=u32::try_from(listed.len()).unwrap()).collect::<Vec<_>>()
        );
        assert_eq!(
            listed.iter().filter(|key| key.state == KeyState::Active).count(),
            1
        );
        let created = world.log.of(world.tenant);
        assert_eq!(created.iter().filter(|event| event.0 == "key.create").count(), 1);
    }
}

#[tokio::test]
async fn a_due_version_seals_though_its_activation_cannot_be_recorded_yet() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    keyring.keys(&world.ctx()).await.unwrap();
    let new = keyring.rotate(&world.ctx(), Purpose::Data).await.unwrap();
    world.log.set_refusing(true);

    world.pass(TTL);

    assert_eq!(
        keyring.keys(&world.ctx()).await.unwrap().sealing_id(),
        Some(new.id)
    );
    assert!(keyring.promote(&world.ctx()).await.is_err());
    world.log.set_refusing(false);
    assert_eq!(keyring.promote(&world.ctx()).await.unwrap(), 1);
}
