//! Somebody with every right in the database, and without the root key.

use std::sync::Arc;

use platform_core::TenantId;
use platform_crypto::{FileErasureStore, KeyError, OpenError, ProviderError, Purpose, SubjectId};

use crate::support::{ADA, Customer, EMAIL, TTL, World, seal};

// C3
#[tokio::test]
async fn a_wrapped_key_of_another_tenant_is_refused() {
    let world = World::shared().await;
    let other = world.test.tenant().await;
    let maker = world.keyring().await;
    maker.keys(&world.ctx()).await.unwrap();
    maker.keys(&world.ctx_of(other)).await.unwrap();

    // The whole key with its id, then only what is wrapped.
    for columns in ["key_id, wrapped", "wrapped"] {
        world.as_superuser(&take_over(columns, other, world.tenant)).await;
        let refused = world.keyring().await.keys(&world.ctx()).await.unwrap_err();
        assert!(is_refused(&refused), "{columns}: {refused:?}");
        assert!(!refused.is_unavailable());
    }
}

#[tokio::test]
async fn a_swap_is_found_by_a_process_that_has_the_right_key_at_its_time_to_live() {
    let world = World::shared().await;
    let other = world.test.tenant().await;
    let keyring = world.keyring().await;
    keyring.keys(&world.ctx()).await.unwrap();
    keyring.keys(&world.ctx_of(other)).await.unwrap();
    world
        .as_superuser(&take_over("wrapped", other, world.tenant))
        .await;

    world.pass(TTL);

    assert!(is_refused(&keyring.keys(&world.ctx()).await.unwrap_err()));
}

#[tokio::test]
async fn a_key_for_indexes_does_not_serve_for_data() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    keyring.keys(&world.ctx()).await.unwrap();
    keyring.rotate(&world.ctx(), Purpose::Index).await.unwrap();
    let swap = format!(
        "delete from platform_crypto.tenant_key where tenant_id = '{0}' and purpose = 'data';
         update platform_crypto.tenant_key set purpose = 'data' where tenant_id = '{0}'",
        world.tenant
    );
    world.as_superuser(&swap).await;

    let refused = world.keyring().await.keys(&world.ctx()).await.unwrap_err();

    assert!(is_refused(&refused), "{refused:?}");
}

#[tokio::test]
async fn a_damaged_key_that_only_decrypts_takes_nothing_else_with_it() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    let old = seal(&keyring.keys(&world.ctx()).await.unwrap(), &world.sources);
    keyring.rotate_now(&world.ctx(), Purpose::Data).await.unwrap();
    let new = seal(&keyring.keys(&world.ctx()).await.unwrap(), &world.sources);
    let damage = format!(
        "update platform_crypto.tenant_key set wrapped = set_byte(wrapped, 30, 255 - get_byte(wrapped, 30))
         where tenant_id = '{}' and version = 1",
        world.tenant
    );
    world.as_superuser(&damage).await;

    let fresh = world.keyring().await;
    let keys = fresh.keys_for(&world.ctx(), old.email.key_id()).await.unwrap();

    assert_eq!(old.open(&keys).unwrap_err(), OpenError::KeyUnavailable);
    assert_eq!(new.open(&keys).unwrap(), ADA);
    assert_eq!(seal(&keys, &world.sources).open(&keys).unwrap(), ADA);
}

#[tokio::test]
async fn a_damaged_key_does_not_pass_for_the_erasure_of_those_under_it() {
    let world = World::shared().await;
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(FileErasureStore::open(folder.path()).unwrap());
    let open = || world.builder().erasure(store.clone()).open();
    let keyring = open().await.unwrap();
    let subject = SubjectId::generate(&world.sources);
    let mut tx = world.db.begin(&world.ctx()).await.unwrap();
    let key = keyring
        .ensure_subject(&mut tx, &world.ctx(), subject)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let id = world.sources.uuid_v7();
    let email = key.seal(&EMAIL.at(world.tenant, id), &ADA.to_owned()).unwrap();
    let tenant = world.tenant;
    let ada = Customer { tenant, id, email };
    keyring.rotate_now(&world.ctx(), Purpose::Data).await.unwrap();
    // Damages it, or mends it again.
    let flip = format!(
        "update platform_crypto.tenant_key set wrapped = set_byte(wrapped, 30, 255 - get_byte(wrapped, 30))
         where tenant_id = '{tenant}' and version = 1"
    );
    world.as_superuser(&flip).await;
    let damaged = open().await.unwrap();

    let keys = damaged.keys_for(&world.ctx(), ada.email.key_id()).await.unwrap();
    assert_eq!(ada.open(&keys).unwrap_err(), OpenError::KeyUnavailable);
    let mut tx = world.db.begin(&world.ctx()).await.unwrap();
    let refused = damaged.ensure_subject(&mut tx, &world.ctx(), subject).await;
    assert!(is_refused(&refused.unwrap_err()));
    tx.rollback().await.unwrap();
    damaged.maintain(&world.ctx()).await.unwrap();

    world.as_superuser(&flip).await;
    let mended = open().await.unwrap();
    let keys = mended.keys_for(&world.ctx(), ada.email.key_id()).await.unwrap();
    assert_eq!(ada.open(&keys).unwrap(), ADA);
}

#[tokio::test]
async fn an_error_about_keys_shows_none_of_their_bytes() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    let keys = keyring.keys(&world.ctx()).await.unwrap();
    let customer = seal(&keys, &world.sources);

    let shown = format!("{keyring:?} {keys:?} {:?}", customer.email);

    let wrapped = world
        .number(&format!(
            "select count(*) from platform_crypto.tenant_key
             where tenant_id = '{}' and position(substring(encode(wrapped, 'hex') from 3 for 16) in '{}') > 0",
            world.tenant,
            shown.replace('\'', "")
        ))
        .await;
    assert_eq!(wrapped, 0);
}

fn take_over(columns: &str, from: TenantId, to: TenantId) -> String {
    format!(
        "update platform_crypto.tenant_key mine set ({columns}) = (select {columns} from platform_crypto.tenant_key theirs
           where theirs.tenant_id = '{from}' and theirs.purpose = 'data' and theirs.version = 1)
         where mine.tenant_id = '{to}' and mine.purpose = 'data' and mine.version = 1"
    )
}

fn is_refused(error: &KeyError) -> bool {
    matches!(error, KeyError::Provider(cause) if matches!(**cause, ProviderError::Refused))
}
