//! Erasure keys of data subjects in Vault.

use platform_core::TenantId;
use platform_crypto::{
    ErasureStore, ErasureStoreError, PuncturableKey, Revision, SegmentId, Slot, VaultErasureStore,
};

use crate::support::Server;
use crate::vault_double::Mood;

fn store(server: &Server) -> VaultErasureStore {
    VaultErasureStore::new(server.kv(&server.vault()), "platform/erasure")
}

fn segment(server: &Server) -> SegmentId {
    SegmentId {
        tenant: TenantId::generate(&server.sources),
        number: 0,
    }
}

#[tokio::test]
async fn a_segment_is_stored_and_loaded_with_its_revision() {
    let server = Server::any().await;
    let (store, id) = (store(&server), segment(&server));
    assert!(store.load(id).await.unwrap().is_none());

    let mut key = PuncturableKey::generate(&server.sources);
    let first = store.store(id, Revision::ABSENT, &key.encode(id)).await.unwrap();
    key.puncture(Slot::new(7).unwrap());
    let second = store.store(id, first, &key.encode(id)).await.unwrap();

    let stored = store.load(id).await.unwrap().unwrap();
    assert_eq!(
        (first, second, stored.revision),
        (Revision(1), Revision(2), Revision(2))
    );
    let read = PuncturableKey::decode(id, &stored.bytes).unwrap();
    assert!(read.is_punctured(Slot::new(7).unwrap()));
}

#[tokio::test]
async fn what_was_stored_over_is_destroyed_in_vault() {
    let server = Server::any().await;
    let (vault, id) = (server.vault(), segment(&server));
    let kv = server.kv(&vault);
    let store = VaultErasureStore::new(kv.clone(), "platform/erasure");
    let mut revision = Revision::ABSENT;
    for content in [b"one", b"two", b"six"] {
        revision = store.store(id, revision, content).await.unwrap();
    }

    let path = format!("platform/erasure/{}/0", id.tenant);
    for version in [1, 2] {
        assert!(kv.read_version(&path, version).await.unwrap().is_none());
    }
    let known = kv.metadata(&path).await.unwrap().unwrap();
    let destroyed: Vec<bool> = known.versions.iter().map(|version| version.destroyed).collect();
    assert_eq!(destroyed, [true, true, false]);
    assert_eq!(store.load(id).await.unwrap().unwrap().bytes.as_slice(), b"six");
}

#[tokio::test]
async fn of_two_who_store_over_one_revision_one_is_refused() {
    let server = Server::any().await;
    let (store, id) = (store(&server), segment(&server));
    let first = store.store(id, Revision::ABSENT, b"one").await.unwrap();
    store.store(id, first, b"two").await.unwrap();

    for over in [Revision::ABSENT, first] {
        let refused = store.store(id, over, b"six").await;
        assert!(matches!(refused, Err(ErasureStoreError::Conflict)));
    }
    assert_eq!(store.load(id).await.unwrap().unwrap().bytes.as_slice(), b"two");
}

#[tokio::test]
async fn the_largest_segment_fits_into_a_secret() {
    let server = Server::any().await;
    let (store, id) = (store(&server), segment(&server));
    let mut key = PuncturableKey::generate(&server.sources);
    for number in (0..PuncturableKey::SLOTS).step_by(2) {
        key.puncture(Slot::new(number).unwrap());
    }

    store.store(id, Revision::ABSENT, &key.encode(id)).await.unwrap();

    let stored = store.load(id).await.unwrap().unwrap();
    assert_eq!(stored.bytes, key.encode(id));
}

#[tokio::test]
async fn without_vault_the_store_is_unavailable() {
    let server = Server::double(crate::support::Tokens::Periodic(3600)).await;
    let (store, id) = (store(&server), segment(&server));
    store.store(id, Revision::ABSENT, b"one").await.unwrap();
    server.the_double().set_mood(Mood::Sealed);

    let loaded = store.load(id).await;
    let stored = store.store(id, Revision(1), b"two").await;

    assert!(matches!(loaded, Err(ErasureStoreError::Unavailable(_))));
    assert!(matches!(stored, Err(ErasureStoreError::Unavailable(_))));
}
