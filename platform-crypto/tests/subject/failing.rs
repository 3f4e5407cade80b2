//! Keys that cannot be had, beside those that are destroyed.

use std::sync::Arc;

use platform_crypto::{EraseError, KeyError, OpenError, Purpose, SubjectId, TagError, Tagged};

use crate::blind_index::{LOGIN, find};
use crate::support::{ADA, TTL, World, wait_until};

/// Changes a subject's stored key, as the superuser.
async fn alter(world: &World, subject: SubjectId, set: &str) {
    let altered = world
        .number(&format!(
            "with altered as (update platform_crypto.subject_key set {set} where subject_id = '{subject}' returning 1)
             select count(*) from altered"
        ))
        .await;
    assert_eq!(altered, 1);
}

#[tokio::test]
async fn a_subject_whose_wrapping_key_is_not_at_hand_is_not_taken_for_destroyed() {
    let world = World::shared().await;
    let customer = world.customer().await;
    let elsewhere = world.other_process().await;
    alter(
        &world,
        customer.subject,
        "wrapped_by = decode(translate(encode(wrapped_by, 'hex'), '0123456789abcdef', '123456789abcdef0'), 'hex')",
    )
    .await;

    let read = customer.read(&elsewhere, &world.ctx()).await;
    let mut tx = world.begin().await;
    let made = elsewhere
        .ensure_subject(&mut tx, &world.ctx(), customer.subject)
        .await;
    tx.rollback().await.unwrap();

    assert_eq!(read, Err(OpenError::KeyUnavailable));
    assert!(made.as_ref().is_err_and(KeyError::is_unavailable), "{made:?}");
    alter(
        &world,
        customer.subject,
        "wrapped_by = decode(translate(encode(wrapped_by, 'hex'), '123456789abcdef0', '0123456789abcdef'), 'hex')",
    )
    .await;
    assert_eq!(customer.read(&elsewhere, &world.ctx()).await.unwrap(), ADA);
}

#[tokio::test]
async fn a_subject_whose_row_was_altered_keeps_nobody_from_being_read_or_wrapped_anew() {
    let world = World::shared().await;
    let ctx = world.ctx();
    let (ada, bob) = (world.customer().await, world.customer().await);
    alter(
        &world,
        ada.subject,
        "wrapped = set_byte(wrapped, 20, 255 - get_byte(wrapped, 20))",
    )
    .await;
    let elsewhere = world.other_process().await;

    let ids = [ada.email.key_id().unwrap(), bob.email.key_id().unwrap()];
    elsewhere.keys_for(&ctx, ids).await.unwrap();
    assert_eq!(ada.read(&elsewhere, &ctx).await, Err(OpenError::KeyUnavailable));
    assert_eq!(bob.read(&elsewhere, &ctx).await.unwrap(), ADA);

    world.keyring.rotate(&ctx, Purpose::Data).await.unwrap();
    world.clock.advance(TTL);
    world.keyring.promote(&ctx).await.unwrap();
    world.clock.advance(TTL);
    assert_eq!(world.keyring.subjects_to_rewrap(&ctx).await.unwrap(), 2);
    // One at a time: the altered one may come first.
    assert_eq!(world.keyring.rewrap_subjects(&ctx, 1).await.unwrap(), 1);
    let left = world.keyring.rewrap_subjects(&ctx, 1).await;
    assert!(matches!(left, Err(KeyError::Corrupt)), "{left:?}");
    assert_eq!(world.keyring.subjects_to_rewrap(&ctx).await.unwrap(), 1);
    assert_eq!(bob.read(&elsewhere, &ctx).await.unwrap(), ADA);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_row_of_a_subject_that_is_being_erased_is_not_tagged_again() {
    let world = Arc::new(World::own().await);
    let ctx = world.ctx();
    let customer = world.customer().await;
    let mut tx = world.begin().await;
    let tagged = Tagged::new(customer.row, ADA).of(customer.subject);
    world.keyring.tag(&mut tx, &ctx, &LOGIN, &tagged).await.unwrap();
    tx.commit().await.unwrap();
    let mut erasing = world.begin().await;
    world
        .keyring
        .begin_erasure(&mut erasing, &ctx, customer.subject)
        .await
        .unwrap();

    let again = {
        let (world, row) = (world.clone(), customer.row);
        tokio::spawn(async move {
            let mut tx = world.begin().await;
            let tagged = Tagged::new(row, ADA);
            let again = world.keyring.tag(&mut tx, &world.ctx(), &LOGIN, &tagged).await;
            tx.commit().await.unwrap();
            again
        })
    };
    let waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    wait_until(async || world.number(waiting).await > 0 || again.is_finished()).await;
    erasing.commit().await.unwrap();

    let again = again.await.unwrap();
    assert!(
        matches!(again, Err(TagError::Keys(KeyError::SubjectErased(_)))),
        "{again:?}"
    );
    assert!(find(&world, &LOGIN, ADA).await.is_empty());
}

#[tokio::test]
async fn erasing_a_subject_that_has_no_key_deletes_its_tags() {
    let world = World::shared().await;
    let (ctx, subject) = (world.ctx(), world.subject());
    let mut tx = world.begin().await;
    let tagged = Tagged::new(world.row(), ADA).of(subject);
    world.keyring.tag(&mut tx, &ctx, &LOGIN, &tagged).await.unwrap();
    tx.commit().await.unwrap();

    let erased = world.keyring.erase(&ctx, subject).await;

    assert!(matches!(erased, Err(EraseError::NotFound)), "{erased:?}");
    assert!(find(&world, &LOGIN, ADA).await.is_empty());
}
