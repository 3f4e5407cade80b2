//! An erasure that is cut off after any of its steps.

use platform_crypto::{KeyEventKind, Tagged};

use crate::blind_index::LOGIN;
use crate::support::{ADA, Crash, Customer, TTL, World};

async fn tagged_customer(world: &World) -> Customer {
    let customer = world.customer().await;
    let mut tx = world.begin().await;
    let tagged = Tagged::new(customer.row, ADA).of(customer.subject);
    world
        .keyring
        .tag(&mut tx, &world.ctx(), &LOGIN, &tagged)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    customer
}

async fn tags(world: &World) -> i64 {
    let tags = format!(
        "select count(*) from platform_crypto.blind_tag where tenant_id = '{}'",
        world.tenant
    );
    world.number(&tags).await
}

/// What holds once an erasure has begun, whatever happens to it then.
async fn assert_begun(world: &World, gone: &Customer, kept: &Customer) {
    assert_eq!(world.state(gone.subject).await, "erasing");
    assert_eq!(tags(world).await, 0);
    for keyring in [&world.keyring, &world.other_process().await] {
        assert_eq!(gone.read(keyring, &world.ctx()).await, gone.destroyed());
        assert_eq!(kept.read(keyring, &world.ctx()).await.unwrap(), ADA);
    }
}

async fn assert_finished(world: &World, gone: &Customer, kept: &Customer) {
    assert_eq!(world.state(gone.subject).await, "destroyed");
    let left = format!(
        "select count(*) from platform_crypto.subject_key where tenant_id = '{}' and wrapped is not null",
        world.tenant
    );
    assert_eq!(world.number(&left).await, 1);
    world.clock.advance(TTL);
    assert_eq!(gone.read(&world.keyring, &world.ctx()).await, gone.destroyed());
    assert_eq!(kept.read(&world.keyring, &world.ctx()).await.unwrap(), ADA);
    let done = world.log.of_subjects(world.tenant);
    assert_eq!(
        done,
        [
            ("subject.erase_request", "success", None),
            ("subject.erase", "success", None)
        ]
    );
}

#[tokio::test]
async fn cut_off_before_the_first_step_nothing_has_happened() {
    let world = World::shared().await;
    let customer = tagged_customer(&world).await;
    world.log.set_refusing(Some(KeyEventKind::SubjectEraseRequest));

    world
        .keyring
        .erase(&world.ctx(), customer.subject)
        .await
        .unwrap_err();

    assert_eq!(world.state(customer.subject).await, "live");
    assert_eq!(tags(&world).await, 1);
    assert_eq!(customer.read(&world.keyring, &world.ctx()).await.unwrap(), ADA);
}

#[tokio::test]
async fn cut_off_before_the_slot_is_destroyed_the_erasure_is_continued() {
    let world = World::shared().await;
    let (gone, kept) = (tagged_customer(&world).await, world.customer().await);
    world.store.set_crash(Some(Crash::Before));

    world.keyring.erase(&world.ctx(), gone.subject).await.unwrap_err();

    world.store.set_crash(None);
    assert_begun(&world, &gone, &kept).await;
    assert_eq!(world.keyring.resume_erasures(&world.ctx(), 10).await.unwrap(), 1);
    assert_eq!(world.keyring.resume_erasures(&world.ctx(), 10).await.unwrap(), 0);
    assert_finished(&world, &gone, &kept).await;
}

#[tokio::test]
async fn cut_off_after_the_slot_is_destroyed_the_erasure_is_continued() {
    let world = World::shared().await;
    let (gone, kept) = (tagged_customer(&world).await, world.customer().await);
    world.store.set_crash(Some(Crash::After));

    world.keyring.erase(&world.ctx(), gone.subject).await.unwrap_err();

    world.store.set_crash(None);
    assert_begun(&world, &gone, &kept).await;
    world.keyring.erase(&world.ctx(), gone.subject).await.unwrap();
    assert_finished(&world, &gone, &kept).await;
}

#[tokio::test]
async fn cut_off_before_the_wrapped_key_is_dropped_the_erasure_is_continued() {
    let world = World::shared().await;
    let (gone, kept) = (tagged_customer(&world).await, world.customer().await);
    world.log.set_refusing(Some(KeyEventKind::SubjectErase));

    world.keyring.erase(&world.ctx(), gone.subject).await.unwrap_err();

    world.log.set_refusing(None);
    assert_begun(&world, &gone, &kept).await;
    let done = world.keyring.maintain(&world.ctx()).await.unwrap();
    assert_eq!(done.erased, 1);
    assert_finished(&world, &gone, &kept).await;
}

#[tokio::test]
async fn while_the_store_is_down_an_erasure_begins_and_waits() {
    let world = World::shared().await;
    let (gone, kept) = (tagged_customer(&world).await, world.customer().await);
    kept.read(&world.keyring, &world.ctx()).await.unwrap();
    world.store.set_down(true);

    let refused = world.keyring.erase(&world.ctx(), gone.subject).await.unwrap_err();

    assert!(
        matches!(&refused, platform_crypto::EraseError::Keys(error) if error.is_unavailable()),
        "{refused:?}"
    );
    assert_eq!(gone.read(&world.keyring, &world.ctx()).await, gone.destroyed());
    assert_eq!(kept.read(&world.keyring, &world.ctx()).await.unwrap(), ADA);
    world.store.set_down(false);
    assert_eq!(world.keyring.resume_erasures(&world.ctx(), 10).await.unwrap(), 1);
}
