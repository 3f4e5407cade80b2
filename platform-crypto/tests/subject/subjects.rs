//! Making and using the keys of data subjects.

use std::collections::BTreeSet;
use std::time::Duration;

use platform_core::testing::assert_tables_isolated;
use platform_crypto::{KeyError, KeyState, OpenError, Purpose, SealKeys, SubjectKey, Tagged};

use crate::blind_index::LOGIN;
use crate::support::{ADA, EMAIL, TTL, World};

#[tokio::test]
async fn a_field_of_a_subject_is_opened_by_the_id_in_its_header() {
    let world = World::shared().await;

    let customer = world.customer().await;

    assert_eq!(customer.read(&world.keyring, &world.ctx()).await.unwrap(), ADA);
    let elsewhere = world.other_process().await;
    assert_eq!(customer.read(&elsewhere, &world.ctx()).await.unwrap(), ADA);
}

#[tokio::test]
async fn a_subject_keeps_its_key_and_no_two_share_one() {
    let world = World::shared().await;

    let (ada, bob) = (world.customer().await, world.customer().await);
    let again = world.customer_of(ada.subject).await.unwrap();

    assert_eq!(ada.email.key_id(), again.email.key_id());
    assert_ne!(ada.email.key_id(), bob.email.key_id());
}

#[tokio::test]
async fn a_key_that_was_made_in_a_transaction_goes_away_with_it() {
    let world = World::shared().await;
    let subject = world.subject();
    let mut tx = world.begin().await;
    let key = world
        .keyring
        .ensure_subject(&mut tx, &world.ctx(), subject)
        .await
        .unwrap();
    let row = world.row();
    let email = key.seal(&EMAIL.at(world.tenant, row), &ADA.to_owned()).unwrap();
    tx.rollback().await.unwrap();

    let keys = world.keyring.keys_for(&world.ctx(), [key.id()]).await.unwrap();

    let opened = keys.open(&EMAIL.at(world.tenant, row), &email);
    assert_eq!(opened.unwrap_err(), OpenError::UnknownKey(key.id()));
    assert!(
        world
            .keyring
            .subject(&world.ctx(), subject)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn another_tenant_cannot_use_a_subjects_key() {
    let world = World::shared().await;
    let customer = world.customer().await;
    let other = world.test.tenant().await;
    let ctx = world.test.context(other);

    let keys = world
        .keyring
        .keys_for(&ctx, [customer.email.key_id().unwrap()])
        .await
        .unwrap();

    let opened = keys.open(&EMAIL.at(other, customer.row), &customer.email);
    assert!(matches!(opened, Err(OpenError::UnknownKey(_))));
}

#[tokio::test]
async fn a_warm_cache_asks_neither_the_store_nor_the_database() {
    let world = World::shared().await;
    let customer = world.customer().await;
    customer.read(&world.keyring, &world.ctx()).await.unwrap();
    let asked = world.store.asked();
    world.db.close().await;

    for _ in 0..10 {
        assert_eq!(customer.read(&world.keyring, &world.ctx()).await.unwrap(), ADA);
    }

    assert_eq!(world.store.asked(), asked);
}

#[tokio::test]
async fn the_keys_of_a_list_of_subjects_are_had_at_once() {
    let world = World::shared().await;
    let mut customers = Vec::new();
    for _ in 0..150 {
        customers.push(world.customer().await);
    }
    let elsewhere = world.other_process().await;
    elsewhere.keys(&world.ctx()).await.unwrap();

    let ids = customers.iter().map(|customer| customer.email.key_id().unwrap());
    let keys = elsewhere.keys_for(&world.ctx(), ids).await.unwrap();

    for customer in &customers {
        let opened = keys
            .open(&EMAIL.at(world.tenant, customer.row), &customer.email)
            .unwrap();
        assert_eq!(opened.expose(), ADA);
    }
}

#[tokio::test]
async fn only_the_first_subject_of_a_tenant_writes_to_the_store() {
    let world = World::shared().await;
    world.customer().await;
    let (_, stores) = world.store.asked();
    assert_eq!(stores, 1);

    for _ in 0..20 {
        world.customer().await;
    }

    assert_eq!(world.store.asked(), (1, 1));
}

#[tokio::test]
async fn when_a_segment_is_full_the_next_one_is_begun() {
    let world = World::shared().await;
    let first = world.customer().await;
    // All slots but the first customer's were given to subjects that have been erased since.
    let filled = format!(
        "with filled as (
           insert into platform_crypto.subject_key
             (tenant_id, subject_id, key_id, segment, slot, state, created_at, erase_requested_at, destroyed_at)
           select '{0}', gen_random_uuid(), substring(sha256(n::text::bytea) for 16), 0, n, 'destroyed', now(), now(), now()
           from generate_series(0, 16383) n
           where n not in (select slot from platform_crypto.subject_key where tenant_id = '{0}')
           returning 1)
         select count(*) from filled",
        world.tenant
    );
    assert_eq!(world.number(&filled).await, 16_383);

    let later = [world.customer().await, world.customer().await];

    let in_second = format!(
        "select count(*) from platform_crypto.subject_key where tenant_id = '{}' and segment = 1",
        world.tenant
    );
    assert_eq!(world.number(&in_second).await, 2);
    world.keyring.erase(&world.ctx(), later[0].subject).await.unwrap();
    let elsewhere = world.other_process().await;
    assert_eq!(
        later[0].read(&elsewhere, &world.ctx()).await,
        later[0].destroyed()
    );
    for kept in [&first, &later[1]] {
        assert_eq!(kept.read(&elsewhere, &world.ctx()).await.unwrap(), ADA);
    }
}

#[tokio::test]
async fn without_a_store_there_are_no_keys_of_subjects() {
    let world = World::shared().await;
    let customer = world.customer().await;
    let root = platform_crypto::LocalRoot::insecure_for_tests(&world.sources);
    let keyring = platform_crypto::Keyring::builder(&world.db, std::sync::Arc::new(root))
        .open()
        .await
        .unwrap();

    let read = keyring
        .keys_for(&world.ctx(), [customer.email.key_id().unwrap()])
        .await;
    let mut tx = world.begin().await;
    let made = keyring
        .ensure_subject(&mut tx, &world.ctx(), world.subject())
        .await;

    assert!(matches!(read, Err(KeyError::NoErasureStore)));
    assert!(matches!(made, Err(KeyError::NoErasureStore)));
}

#[tokio::test]
async fn a_store_that_was_lost_is_never_begun_anew_over_living_subjects() {
    let world = World::shared().await;
    let customer = world.customer().await;
    let empty = tempfile::tempdir().unwrap();
    let store = platform_crypto::FileErasureStore::open(empty.path()).unwrap();
    let keyring = crate::support::keyring_on(&world.db, std::sync::Arc::new(store), world.log.clone()).await;

    let read = customer.read(&keyring, &world.ctx()).await;
    let mut tx = world.begin().await;
    let made = keyring
        .ensure_subject(&mut tx, &world.ctx(), world.subject())
        .await;

    assert_eq!(read, Err(OpenError::KeyUnavailable));
    assert!(matches!(made, Err(KeyError::ErasureKeyLost(0))));
}

#[tokio::test]
async fn an_unavailable_store_is_told_as_such_and_nothing_is_made() {
    let world = World::shared().await;
    world.store.set_down(true);
    let subject = world.subject();

    let refused = world.customer_of(subject).await.unwrap_err();

    assert!(refused.is_unavailable(), "{refused:?}");
    world.store.set_down(false);
    assert!(
        world
            .keyring
            .subject(&world.ctx(), subject)
            .await
            .unwrap()
            .is_none()
    );
}

// C27
#[tokio::test]
async fn what_an_unavailable_store_gave_before_serves_for_the_grace_and_not_longer() {
    let world = World::shared().await;
    let customer = world.customer().await;
    let erased = world.customer().await;
    world.keyring.erase(&world.ctx(), erased.subject).await.unwrap();
    world.store.set_down(true);

    for _ in 0..14 {
        world.clock.advance(Duration::from_secs(60));
        assert_eq!(customer.read(&world.keyring, &world.ctx()).await.unwrap(), ADA);
        assert_eq!(
            erased.read(&world.keyring, &world.ctx()).await,
            erased.destroyed()
        );
    }
    let new = world.customer_of(world.subject()).await.unwrap();
    world.clock.advance(TTL);

    let ids = [&customer, &new].map(|customer| customer.email.key_id().unwrap());
    let refused = world.keyring.keys_for(&world.ctx(), ids).await.unwrap_err();
    assert!(refused.is_unavailable(), "{refused:?}");
    world.store.set_down(false);
    for customer in [customer, new] {
        assert_eq!(customer.read(&world.keyring, &world.ctx()).await.unwrap(), ADA);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn thirty_two_at_once_make_one_key_for_one_subject_and_others_for_others() {
    let world = std::sync::Arc::new(World::shared().await);
    let same = world.subject();

    let tasks: Vec<_> = (0..32)
        .map(|number| {
            let world = world.clone();
            tokio::spawn(async move {
                let subject = if number % 2 == 0 { same } else { world.subject() };
                world.customer_of(subject).await.unwrap()
            })
        })
        .collect();
    let mut ids = BTreeSet::new();
    for task in tasks {
        let customer = task.await.unwrap();
        ids.insert(customer.email.key_id().unwrap());
        assert_eq!(customer.read(&world.keyring, &world.ctx()).await.unwrap(), ADA);
    }

    assert_eq!(ids.len(), 17);
    let slots = format!(
        "select count(distinct slot) from platform_crypto.subject_key where tenant_id = '{}'",
        world.tenant
    );
    assert_eq!(world.number(&slots).await, 17);
}

#[tokio::test]
async fn an_old_key_of_the_tenant_is_destroyed_once_the_subjects_have_moved_from_under_it() {
    let world = World::shared().await;
    let ctx = world.ctx();
    let mut customers = Vec::new();
    for _ in 0..25 {
        customers.push(world.customer().await);
    }
    world.keyring.rotate(&ctx, Purpose::Data).await.unwrap();
    world.clock.advance(TTL);
    world.keyring.promote(&ctx).await.unwrap();
    world.clock.advance(2 * TTL);

    let refused = world.keyring.destroy(&ctx, Purpose::Data, 1).await.unwrap_err();
    assert!(matches!(refused, KeyError::StillNeeded(25)), "{refused:?}");

    assert_eq!(world.keyring.rewrap_subjects(&ctx, 10).await.unwrap(), 10);
    assert_eq!(world.keyring.rewrap_subjects(&ctx, 100).await.unwrap(), 15);
    assert_eq!(world.keyring.rewrap_subjects(&ctx, 100).await.unwrap(), 0);
    let destroyed = world.keyring.destroy(&ctx, Purpose::Data, 1).await.unwrap();

    assert_eq!(destroyed.state, KeyState::Destroyed);
    let elsewhere = world.other_process().await;
    for customer in &customers {
        assert_eq!(customer.read(&elsewhere, &ctx).await.unwrap(), ADA);
    }
}

#[tokio::test]
async fn maintenance_moves_subjects_under_the_newest_key() {
    let world = World::shared().await;
    let ctx = world.ctx();
    let customer = world.customer().await;
    world.keyring.rotate_now(&ctx, Purpose::Data).await.unwrap();

    let done = world.keyring.maintain(&ctx).await.unwrap();

    assert_eq!((done.subjects_rewrapped, done.erased), (1, 0));
    let elsewhere = world.other_process().await;
    assert_eq!(customer.read(&elsewhere, &ctx).await.unwrap(), ADA);
}

#[tokio::test]
async fn the_tables_of_subjects_are_out_of_another_tenants_reach() {
    let world = World::own().await;
    let customer = world.customer().await;
    let ctx = world.ctx();
    world
        .keyring
        .place_hold(&ctx, customer.subject, "case 1")
        .await
        .unwrap();
    let mut tx = world.begin().await;
    let tagged = Tagged::new(customer.row, ADA).of(customer.subject);
    world.keyring.tag(&mut tx, &ctx, &LOGIN, &tagged).await.unwrap();
    tx.commit().await.unwrap();
    let other = world.test.tenant().await;

    let tables = assert_tables_isolated(&world.db, other, world.tenant).await;

    for table in ["subject_key", "legal_hold", "blind_tag"] {
        let name = format!("platform_crypto.{table}");
        assert!(tables.tried.contains(&name), "{name} in {tables:?}");
    }
}

#[test]
fn a_subjects_key_seals_where_any_key_does_and_shows_nothing() {
    fn seals<K: SealKeys + std::fmt::Debug>() {}
    seals::<SubjectKey>();
}

#[tokio::test]
async fn the_erasure_key_is_loaded_once_for_all_who_find_it_too_old() {
    let world = World::shared().await;
    let customer = world.customer().await;
    world.clock.advance(TTL);
    let (loads, _) = world.store.asked();

    let ctx = world.ctx();
    let reading = (0..8).map(|_| customer.read(&world.keyring, &ctx));
    let read = futures::future::join_all(reading).await;

    assert!(read.iter().all(|read| read.as_ref().unwrap() == ADA));
    assert_eq!(world.store.asked().0, loads + 1);
}
