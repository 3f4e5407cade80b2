//! Erasing a subject: here, elsewhere, at the same time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use platform_crypto::{EraseError, KeyError, Purpose, Tagged};
use tokio_util::sync::CancellationToken;

use crate::blind_index::LOGIN;
use crate::support::{ADA, TTL, World, wait_until};

// C28
#[tokio::test]
async fn an_erased_subject_cannot_be_read_and_all_others_can() {
    let world = World::shared().await;
    let ctx = world.ctx();
    let (gone, kept) = (world.customer().await, world.customer().await);
    assert_eq!(gone.read(&world.keyring, &ctx).await.unwrap(), ADA);

    let erased = world.keyring.erase(&ctx, gone.subject).await.unwrap();

    assert_eq!(
        (erased.subject, Ok(erased.key)),
        (gone.subject, gone.email.key_id())
    );
    assert_eq!(world.state(gone.subject).await, "destroyed");
    let fresh = world.other_process().await;
    for keyring in [&world.keyring, &fresh] {
        assert_eq!(gone.read(keyring, &ctx).await, gone.destroyed());
        assert_eq!(kept.read(keyring, &ctx).await.unwrap(), ADA);
    }
    assert_eq!(
        world.log.of_subjects(world.tenant),
        [
            ("subject.erase_request", "success", None),
            ("subject.erase", "success", None)
        ]
    );
}

// C28
#[tokio::test]
async fn a_process_that_hears_nothing_refuses_within_the_time_to_live() {
    let world = World::shared().await;
    let ctx = world.ctx();
    let (gone, kept) = (world.customer().await, world.customer().await);
    let deaf = world.other_process().await;
    assert_eq!(gone.read(&deaf, &ctx).await.unwrap(), ADA);

    world.keyring.erase(&ctx, gone.subject).await.unwrap();

    world.clock.advance(TTL - Duration::from_secs(1));
    assert_eq!(
        gone.read(&deaf, &ctx).await.unwrap(),
        ADA,
        "the bound is no shorter than it is said"
    );
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(gone.read(&deaf, &ctx).await, gone.destroyed());
    assert_eq!(kept.read(&deaf, &ctx).await.unwrap(), ADA);
}

// C28
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_listens_refuses_at_once() {
    let world = World::shared().await;
    let ctx = world.ctx();
    let gone = world.customer().await;
    let listening = world.other_process().await;
    let stop = CancellationToken::new();
    let worker = listening.worker(Duration::from_secs(3600));
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { worker.run(stop).await }
    });
    // Messages are heard once the listener is connected; until then every erasure might be missed.
    wait_until(async || {
        let other = world.customer().await;
        other.read(&listening, &ctx).await.unwrap();
        world.keyring.erase(&ctx, other.subject).await.unwrap();
        heard(&world, &other, &listening).await
    })
    .await;
    assert_eq!(gone.read(&listening, &ctx).await.unwrap(), ADA);

    world.keyring.erase(&ctx, gone.subject).await.unwrap();

    wait_until(async || gone.read(&listening, &ctx).await == gone.destroyed()).await;
    stop.cancel();
    running.await.unwrap();
}

/// Whether an erasure is heard of within some round trips to the database.
async fn heard(world: &World, erased: &crate::support::Customer, keyring: &platform_crypto::Keyring) -> bool {
    for _ in 0..50 {
        if erased.read(keyring, &world.ctx()).await == erased.destroyed() {
            return true;
        }
        world.db.ping().await.unwrap();
    }
    false
}

#[tokio::test]
async fn nothing_more_is_sealed_for_an_erased_subject() {
    let world = World::shared().await;
    let gone = world.customer().await;
    world.keyring.erase(&world.ctx(), gone.subject).await.unwrap();

    for keyring in [&world.keyring, &world.other_process().await] {
        let mut tx = world.begin().await;
        let refused = keyring
            .ensure_subject(&mut tx, &world.ctx(), gone.subject)
            .await
            .unwrap_err();
        assert!(matches!(refused, KeyError::SubjectErased(subject) if subject == gone.subject));
    }
}

#[tokio::test]
async fn erasing_twice_changes_nothing_and_tells_the_same() {
    let world = World::shared().await;
    let gone = world.customer().await;

    let first = world.keyring.erase(&world.ctx(), gone.subject).await.unwrap();
    world.clock.advance(Duration::from_secs(60));
    let second = world.keyring.erase(&world.ctx(), gone.subject).await.unwrap();

    assert_eq!(first, second);
    assert_eq!(world.log.of_subjects(world.tenant).len(), 2);
}

#[tokio::test]
async fn a_subject_that_never_had_a_key_is_not_found() {
    let world = World::shared().await;

    let refused = world.keyring.erase(&world.ctx(), world.subject()).await;

    assert!(matches!(refused, Err(EraseError::NotFound)));
}

#[tokio::test]
async fn the_tags_of_an_erased_subject_are_deleted_and_its_value_is_free_again() {
    let world = World::shared().await;
    let ctx = world.ctx();
    let gone = world.customer().await;
    let mut tx = world.begin().await;
    let tagged = Tagged::new(gone.row, ADA).of(gone.subject);
    world.keyring.tag(&mut tx, &ctx, &LOGIN, &tagged).await.unwrap();
    tx.commit().await.unwrap();

    world.keyring.erase(&ctx, gone.subject).await.unwrap();

    let mut tx = world.begin().await;
    assert!(
        world
            .keyring
            .find(&mut tx, &ctx, &LOGIN, ADA)
            .await
            .unwrap()
            .is_empty()
    );
    let again = Tagged::new(gone.row, ADA).of(gone.subject);
    let refused = world.keyring.tag(&mut tx, &ctx, &LOGIN, &again).await;
    assert!(refused.is_err(), "an erased subject gets no tag");
    let new = Tagged::new(world.row(), ADA);
    world.keyring.tag(&mut tx, &ctx, &LOGIN, &new).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn thirty_two_erasures_beside_thirty_two_new_subjects_take_exactly_their_own() {
    let world = Arc::new(World::shared().await);
    let other = world.other_process().await;
    let mut leaving = Vec::new();
    let mut staying = Vec::new();
    for _ in 0..32 {
        leaving.push(world.customer().await);
        staying.push(world.customer().await);
    }

    let erasing = leaving.iter().enumerate().map(|(number, customer)| {
        let (world, subject) = (world.clone(), customer.subject);
        let keyring = if number % 2 == 0 {
            world.keyring.clone()
        } else {
            other.clone()
        };
        tokio::spawn(async move { keyring.erase(&world.ctx(), subject).await.map(|_| ()) })
    });
    let making = (0..32).map(|_| {
        let world = world.clone();
        tokio::spawn(async move { world.customer().await })
    });
    let (erasing, making): (Vec<_>, Vec<_>) = (erasing.collect(), making.collect());
    for task in erasing {
        task.await.unwrap().unwrap();
    }
    for task in making {
        staying.push(task.await.unwrap());
    }

    let fresh = world.other_process().await;
    for gone in &leaving {
        assert_eq!(gone.read(&fresh, &world.ctx()).await, gone.destroyed());
    }
    for kept in &staying {
        assert_eq!(kept.read(&fresh, &world.ctx()).await.unwrap(), ADA);
    }
    let ids: BTreeSet<_> = staying.iter().map(|kept| kept.email.key_id().unwrap()).collect();
    assert_eq!(ids.len(), 64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_value_that_is_tagged_while_its_subject_is_erased_leaves_no_tag() {
    let world = Arc::new(World::shared().await);
    for _ in 0..16 {
        let subject = world.subject();
        world.customer_of(subject).await.unwrap();
        let tagging = {
            let world = world.clone();
            tokio::spawn(async move {
                let mut tx = world.begin().await;
                let tagged = Tagged::new(world.row(), ADA).of(subject);
                let done = world.keyring.tag(&mut tx, &world.ctx(), &LOGIN, &tagged).await;
                if done.is_ok() {
                    tx.commit().await.unwrap();
                }
            })
        };
        let erasing = {
            let world = world.clone();
            tokio::spawn(async move { world.keyring.erase(&world.ctx(), subject).await.map(|_| ()) })
        };
        tagging.await.unwrap();
        erasing.await.unwrap().unwrap();

        let mut tx = world.begin().await;
        let found = world
            .keyring
            .find(&mut tx, &world.ctx(), &LOGIN, ADA)
            .await
            .unwrap();
        assert!(found.is_empty());
    }
}

#[tokio::test]
async fn an_erasure_goes_on_while_the_tenants_key_is_rotated() {
    let world = World::shared().await;
    let ctx = world.ctx();
    let (gone, kept) = (world.customer().await, world.customer().await);
    world.keyring.rotate_now(&ctx, Purpose::Data).await.unwrap();

    world.keyring.erase(&ctx, gone.subject).await.unwrap();

    while world.keyring.rewrap_subjects(&ctx, 10).await.unwrap() > 0 {}
    world.clock.advance(2 * TTL);
    world.keyring.destroy(&ctx, Purpose::Data, 1).await.unwrap();
    assert_eq!(kept.read(&world.keyring, &ctx).await.unwrap(), ADA);
    assert_eq!(gone.read(&world.keyring, &ctx).await, gone.destroyed());
}
