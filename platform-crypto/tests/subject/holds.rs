//! Legal holds.

use std::sync::Arc;
use std::time::Duration;

use platform_crypto::{EraseError, HoldError, HoldId};

use crate::support::{ADA, World};

#[tokio::test]
async fn a_hold_refuses_an_erasure_which_is_recorded() {
    let world = World::shared().await;
    let ctx = world.ctx();
    let customer = world.customer().await;
    let hold = world
        .keyring
        .place_hold(&ctx, customer.subject, " case 4711 ")
        .await
        .unwrap();

    let refused = world.keyring.erase(&ctx, customer.subject).await.unwrap_err();

    let EraseError::Held { holds } = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(holds, std::slice::from_ref(&hold));
    assert_eq!(
        (hold.reason.as_str(), hold.subject),
        ("case 4711", customer.subject)
    );
    assert_eq!(world.state(customer.subject).await, "live");
    assert_eq!(customer.read(&world.keyring, &ctx).await.unwrap(), ADA);
    assert_eq!(
        world.log.of_subjects(world.tenant),
        [
            ("subject.hold_place", "success", None),
            ("subject.erase_refused", "denied", Some("legal_hold"))
        ]
    );
}

#[tokio::test]
async fn the_last_of_several_holds_lets_the_erasure_through() {
    let world = World::shared().await;
    let ctx = world.ctx();
    let customer = world.customer().await;
    let first = world
        .keyring
        .place_hold(&ctx, customer.subject, "case 1")
        .await
        .unwrap();
    world.clock.advance(Duration::from_secs(1));
    let second = world
        .keyring
        .place_hold(&ctx, customer.subject, "case 2")
        .await
        .unwrap();
    assert_eq!(
        world.keyring.holds(&ctx, customer.subject).await.unwrap(),
        [first.clone(), second.clone()]
    );

    world.keyring.release_hold(&ctx, first.id).await.unwrap();
    assert!(matches!(
        world.keyring.erase(&ctx, customer.subject).await,
        Err(EraseError::Held { holds }) if holds == [second.clone()]
    ));
    world.keyring.release_hold(&ctx, second.id).await.unwrap();
    world.keyring.erase(&ctx, customer.subject).await.unwrap();

    assert!(
        world
            .keyring
            .holds(&ctx, customer.subject)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_subject_can_be_held_before_it_has_a_key() {
    let world = World::shared().await;
    let ctx = world.ctx();
    let subject = world.subject();
    world.keyring.place_hold(&ctx, subject, "case 1").await.unwrap();

    world.customer_of(subject).await.unwrap();

    let refused = world.keyring.erase(&ctx, subject).await;
    assert!(matches!(refused, Err(EraseError::Held { .. })));
}

#[tokio::test]
async fn a_hold_that_is_not_there_an_erased_subject_and_an_empty_reason_are_told_apart() {
    let world = World::shared().await;
    let ctx = world.ctx();
    let customer = world.customer().await;
    let hold = world
        .keyring
        .place_hold(&ctx, customer.subject, "case 1")
        .await
        .unwrap();
    world.keyring.release_hold(&ctx, hold.id).await.unwrap();
    world.keyring.erase(&ctx, customer.subject).await.unwrap();

    for missing in [hold.id, HoldId::generate(&world.sources)] {
        let refused = world.keyring.release_hold(&ctx, missing).await;
        assert!(matches!(refused, Err(HoldError::NotFound)));
    }
    let late = world.keyring.place_hold(&ctx, customer.subject, "case 2").await;
    assert!(matches!(late, Err(HoldError::Erased)));
    for reason in ["", "  ", &"x".repeat(201)] {
        let refused = world.keyring.place_hold(&ctx, customer.subject, reason).await;
        assert!(matches!(refused, Err(HoldError::InvalidReason)));
    }
}

#[tokio::test]
async fn another_tenants_hold_cannot_be_released() {
    let world = World::shared().await;
    let customer = world.customer().await;
    let hold = world
        .keyring
        .place_hold(&world.ctx(), customer.subject, "case 1")
        .await
        .unwrap();
    let other = world.test.tenant().await;

    let refused = world
        .keyring
        .release_hold(&world.test.context(other), hold.id)
        .await;

    assert!(matches!(refused, Err(HoldError::NotFound)));
    assert_eq!(
        world
            .keyring
            .holds(&world.ctx(), customer.subject)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hold_and_an_erasure_at_the_same_time_exactly_one_wins() {
    let world = Arc::new(World::shared().await);
    let mut held = 0;
    for _ in 0..24 {
        let customer = world.customer().await;
        let subject = customer.subject;
        let placing = {
            let world = world.clone();
            tokio::spawn(async move { world.keyring.place_hold(&world.ctx(), subject, "case 1").await })
        };
        let erasing = {
            let world = world.clone();
            tokio::spawn(async move { world.keyring.erase(&world.ctx(), subject).await.map(|_| ()) })
        };

        match (placing.await.unwrap(), erasing.await.unwrap()) {
            (Ok(_), Err(EraseError::Held { .. })) => {
                held += 1;
                assert_eq!(customer.read(&world.keyring, &world.ctx()).await.unwrap(), ADA);
            }
            (Err(HoldError::Erased), Ok(())) => {
                assert_eq!(
                    customer.read(&world.keyring, &world.ctx()).await,
                    customer.destroyed()
                );
            }
            both => panic!("{both:?}"),
        }
    }
    println!("the hold came first {held} times of 24");
}
