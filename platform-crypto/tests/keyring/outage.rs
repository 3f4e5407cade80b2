//! The database or the provider is gone.

use std::time::Duration;

use platform_core::pg::DbError;
use platform_crypto::{KeyError, Purpose};
use tokio::time::timeout;

use crate::support::{ADA, GRACE, TTL, World, is_provider, seal};

// C6
#[tokio::test]
async fn without_the_database_no_key_is_used_past_its_time_to_live() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    keyring.keys(&world.ctx()).await.unwrap();
    world.db.close().await;

    world.pass(TTL - Duration::from_millis(1));
    assert!(keyring.keys(&world.ctx()).await.is_ok());

    world.pass(Duration::from_millis(1));
    let refused = keyring.keys(&world.ctx()).await.unwrap_err();
    assert!(refused.is_unavailable(), "{refused:?}");
    assert!(matches!(&refused, KeyError::Db(error) if matches!(**error, DbError::Unavailable(_))));
}

#[tokio::test]
async fn a_database_that_comes_back_is_used_at_once() {
    let world = World::own().await;
    let keyring = world.keyring().await;
    keyring.keys(&world.ctx()).await.unwrap();
    world.pass(TTL);

    world.cut_connections().await;
    assert!(keyring.keys(&world.ctx()).await.unwrap_err().is_unavailable());
    world.allow_connections().await;

    let keys = keyring.keys(&world.ctx()).await.unwrap();
    assert_eq!(seal(&keys, &world.sources).open(&keys).unwrap(), ADA);
}

#[tokio::test]
async fn without_the_provider_keys_are_used_for_the_grace_and_not_longer() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    let customer = seal(&keyring.keys(&world.ctx()).await.unwrap(), &world.sources);
    world.provider.set_down(true);

    for _ in 0..89 {
        world.pass(Duration::from_secs(10));
        let keys = keyring.keys(&world.ctx()).await.unwrap();
        assert_eq!(customer.open(&keys).unwrap(), ADA);
        seal(&keys, &world.sources);
    }
    world.pass(GRACE - Duration::from_secs(890));
    let refused = keyring.keys(&world.ctx()).await.unwrap_err();

    assert!(is_provider(&refused) && refused.is_unavailable(), "{refused:?}");
    world.provider.set_down(false);
    assert!(keyring.keys(&world.ctx()).await.is_ok());
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_not_waited_for_longer_than_a_request_can() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    let customer = seal(&keyring.keys(&world.ctx()).await.unwrap(), &world.sources);
    let _held = world.provider.hold().await;
    world.pass(TTL);

    let answer = timeout(Duration::from_secs(9), keyring.keys(&world.ctx())).await;

    let keys = answer.expect("an answer in time").unwrap();
    assert_eq!(customer.open(&keys).unwrap(), ADA);
}

#[tokio::test]
async fn a_provider_that_is_back_is_used_soon_and_the_grace_begins_anew() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    keyring.keys(&world.ctx()).await.unwrap();

    for _ in 0..3 {
        world.provider.set_down(true);
        world.pass(GRACE - Duration::from_secs(20));
        assert!(keyring.keys(&world.ctx()).await.is_ok());
        world.provider.set_down(false);
        world.pass(Duration::from_secs(10));
        assert!(keyring.keys(&world.ctx()).await.is_ok());
    }
}

#[tokio::test]
async fn a_provider_that_is_down_is_not_asked_for_every_field() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    keyring.keys(&world.ctx()).await.unwrap();
    world.provider.set_down(true);
    world.pass(TTL);
    let before = world.provider.unwraps();

    for _ in 0..1000 {
        keyring.keys(&world.ctx()).await.unwrap();
    }

    assert_eq!(world.provider.unwraps() - before, 1);
}

#[tokio::test]
async fn a_provider_that_takes_a_key_back_ends_its_use_without_grace() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    keyring.keys(&world.ctx()).await.unwrap();
    world.pass(TTL);

    world.provider.set_denied(true);
    let denied = keyring.keys(&world.ctx()).await.unwrap_err();
    assert!(is_provider(&denied) && !denied.is_unavailable(), "{denied:?}");

    world.provider.set_denied(false);
    world.provider.set_down(true);
    let down = keyring.keys(&world.ctx()).await.unwrap_err();
    assert!(
        down.is_unavailable(),
        "what was taken back is not served from memory either"
    );
}

#[tokio::test]
async fn a_process_that_starts_without_the_provider_has_no_keys() {
    let world = World::shared().await;
    world.keyring().await.keys(&world.ctx()).await.unwrap();
    let fresh = world.keyring().await;
    world.provider.set_down(true);

    assert!(fresh.keys(&world.ctx()).await.unwrap_err().is_unavailable());
    assert!(world.builder().open().await.unwrap_err().is_unavailable());
}

#[tokio::test]
async fn a_version_that_was_published_during_an_outage_stops_sealing_when_it_is_due() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    let old = keyring.keys(&world.ctx()).await.unwrap().sealing_id();
    keyring.rotate(&world.ctx(), Purpose::Data).await.unwrap();

    world.provider.set_down(true);
    world.pass(TTL - Duration::from_secs(1));
    let keys = keyring.keys(&world.ctx()).await.unwrap();
    assert_eq!(keys.sealing_id(), old);

    world.pass(Duration::from_secs(1));
    assert!(
        keyring.keys(&world.ctx()).await.unwrap_err().is_unavailable(),
        "the old version is not used past its time"
    );
}

#[tokio::test]
async fn callers_who_wait_for_one_load_share_its_failure() {
    let world = World::shared().await;
    world.keyring().await.keys(&world.ctx()).await.unwrap();
    let keyring = world.keyring().await;
    world.provider.set_down(true);
    let before = world.provider.unwraps();

    let ctx = world.ctx();
    let all = futures::future::join_all((0..500).map(|_| keyring.keys(&ctx))).await;

    assert!(all.iter().all(|keys| keys.as_ref().unwrap_err().is_unavailable()));
    assert_eq!(world.provider.unwraps() - before, 1);
}
