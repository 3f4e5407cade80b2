//! A service is started with the right root key, or not at all.

use std::sync::Arc;

use futures::future::join_all;
use platform_crypto::{KeyError, KeyProvider, Keyring, LocalRoot, Passphrase, PassphraseRoot, new_key_text};

use crate::support::{ADA, Renamed, World, seal};

#[tokio::test]
async fn a_database_takes_no_second_root_key_by_accident() {
    let world = World::own().await;
    let right = new_key_text(&world.sources);
    let customer = seal(
        &world.keyring_with(&right).await.keys(&world.ctx()).await.unwrap(),
        &world.sources,
    );

    let wrong = world.try_keyring_with(&new_key_text(&world.sources)).await;

    let named = Keyring::root_keys(&world.db).await.unwrap();
    assert!(matches!(wrong, Err(KeyError::RootKeyMissing(root)) if root == named[0].root));
    assert_eq!(named.len(), 1);
    let keys = world.keyring_with(&right).await.keys(&world.ctx()).await.unwrap();
    assert_eq!(customer.open(&keys).unwrap(), ADA);
}

#[tokio::test]
async fn another_root_key_of_the_same_name_is_refused() {
    let world = World::own().await;
    let name = "vault:transit/platform";
    let right = Renamed::new(LocalRoot::ephemeral(&world.sources), name);
    world.builder_with(right.clone()).open().await.unwrap();

    let wrong = Renamed::new(LocalRoot::ephemeral(&world.sources), name);
    let refused = world.builder_with(wrong.clone()).open().await;

    assert!(matches!(refused, Err(KeyError::WrongRootKey(root)) if root.as_str() == name));
    assert!(world.builder_with(right.clone()).open().await.is_ok());
}

#[tokio::test]
async fn processes_that_start_at_once_with_different_root_keys_do_not_all_start() {
    let world = World::own().await;
    let texts: Vec<_> = (0..4).map(|_| new_key_text(&world.sources)).collect();

    let opened = join_all(texts.iter().map(|text| world.try_keyring_with(text))).await;

    assert_eq!(opened.iter().filter(|opened| opened.is_ok()).count(), 1);
    assert_eq!(Keyring::root_keys(&world.db).await.unwrap().len(), 1);
}

#[tokio::test]
async fn processes_that_start_at_once_with_one_root_key_all_start() {
    let world = World::own().await;
    let text = new_key_text(&world.sources);

    let opened = join_all((0..6).map(|_| world.try_keyring_with(&text))).await;

    assert!(opened.iter().all(Result::is_ok));
    assert_eq!(Keyring::root_keys(&world.db).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_root_key_without_any_key_under_it_can_be_retired() {
    let world = World::own().await;
    world.keyring_with(&new_key_text(&world.sources)).await;
    let root = Keyring::root_keys(&world.db).await.unwrap().remove(0).root;

    assert!(Keyring::retire_root(&world.db, &root).await.unwrap());

    assert!(
        world
            .try_keyring_with(&new_key_text(&world.sources))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn the_same_passphrase_opens_the_database_again_and_another_does_not() {
    let world = World::own().await;
    let passphrase = |text| -> Arc<dyn KeyProvider> {
        Arc::new(PassphraseRoot::new(
            Passphrase::new(text).unwrap(),
            &world.sources,
        ))
    };
    let (one, other) = (
        world
            .builder_with(passphrase("nine lanterns over a quiet harbour"))
            .open(),
        world
            .builder_with(passphrase("nine lanterns over a quiet harbour"))
            .open(),
    );

    // Each draws a salt of its own, and one of them has to take the other's.
    let (one, other) = tokio::join!(one, other);

    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(Keyring::root_keys(&world.db).await.unwrap().len(), 1);
    let customer = seal(&one.keys(&world.ctx()).await.unwrap(), &world.sources);
    let keys = other.keys(&world.ctx()).await.unwrap();
    assert_eq!(customer.open(&keys).unwrap(), ADA);
    let wrong = world
        .builder_with(passphrase("nine lanterns over a silent harbour"))
        .open()
        .await;
    assert!(matches!(wrong, Err(KeyError::RootKeyMissing(_))));
}
