//! Rows that are about persons, and rows that are found by a blind index.

use platform_core::sqlx;
use platform_crypto::{
    FailureReason, KeyError, KeyId, KeyState, OpenError, Purpose, RowId, SealedRow, SubjectId,
};

use crate::support::{FAST, Shop, TTL};

#[tokio::test]
async fn a_value_that_is_about_a_person_is_moved_under_the_persons_key() {
    let shop = Box::pin(Shop::open()).await;
    let person = SubjectId::generate(&shop.sources);
    shop.join("ada@example.com", Some(person), true).await;
    shop.join("bob@example.com", None, true).await;

    let resealed = shop.keyring.reseal(&shop.ctx(), FAST(10)).await.unwrap();

    assert_eq!((resealed.moved, resealed.failed), (1, 0));
    let members = shop.members().await;
    let own = shop.version(1).await.id;
    assert_ne!(members[0].key_ids(), [own]);
    assert_eq!(members[1].key_ids(), [own]);
    shop.keyring.erase(&shop.ctx(), person).await.unwrap();
    let opened = shop.keyring.open_all(&shop.ctx(), &members).await.unwrap();
    let erased = members[0].key_ids()[0];
    assert_eq!(opened[0].as_ref().unwrap_err(), &OpenError::KeyDestroyed(erased));
    assert!(opened[1].is_ok());
}

#[tokio::test]
async fn a_persons_values_stay_as_they_are_while_the_key_around_their_key_is_exchanged() {
    let shop = Box::pin(Shop::open()).await;
    for number in 0..5 {
        let person = SubjectId::generate(&shop.sources);
        shop.join(&format!("p{number}@example.com"), Some(person), false)
            .await;
    }
    let before = shop.members().await;
    shop.rotate().await;
    shop.keyring.promote(&shop.ctx()).await.unwrap();
    shop.clock.advance(2 * TTL);

    let resealed = shop.keyring.reseal(&shop.ctx(), FAST(2)).await.unwrap();
    let destroyed = shop.keyring.destroy(&shop.ctx(), Purpose::Data, 1).await.unwrap();

    assert_eq!((resealed.moved, resealed.rewrapped), (0, 5));
    assert_eq!(destroyed.state, KeyState::Destroyed);
    let after = shop.members().await;
    let same = before
        .iter()
        .zip(&after)
        .all(|(one, other)| one.email == other.email);
    assert!(same);
    let opened = shop
        .other_process()
        .await
        .open_all(&shop.ctx(), &after)
        .await
        .unwrap();
    for (number, member) in opened.into_iter().enumerate() {
        let email = member.unwrap().email.unwrap();
        assert_eq!(email.expose(), &format!("p{number}@example.com"));
    }
}

#[tokio::test]
async fn a_value_of_an_erased_person_under_the_tenants_key_is_named_and_left() {
    let shop = Box::pin(Shop::open()).await;
    let person = SubjectId::generate(&shop.sources);
    let left = shop.join("ada@example.com", Some(person), true).await;
    let of_tenant = shop.members().await[0].email.clone().unwrap();
    shop.keyring.reseal(&shop.ctx(), FAST(10)).await.unwrap();
    shop.keyring.erase(&shop.ctx(), person).await.unwrap();
    shop.overwrite_member(left, of_tenant.as_bytes()).await;

    let resealed = shop.keyring.reseal(&shop.ctx(), FAST(10)).await.unwrap();

    assert_eq!((resealed.moved, resealed.failed), (0, 1));
    let failures = shop
        .keyring
        .reseal_failures(&shop.ctx(), "shop.member")
        .await
        .unwrap();
    assert_eq!(
        (failures[0].row, failures[0].reason),
        (left.into(), FailureReason::SubjectErased)
    );
}

#[tokio::test]
async fn a_value_under_a_key_that_nobody_has_is_named() {
    let shop = Box::pin(Shop::open()).await;
    let id = shop.join("ada@example.com", None, true).await;
    let mut bytes = shop.members().await[0]
        .email
        .as_ref()
        .unwrap()
        .as_bytes()
        .to_vec();
    bytes[2..18].fill(7);
    shop.overwrite_member(id, &bytes).await;

    let resealed = shop.keyring.reseal(&shop.ctx(), FAST(10)).await.unwrap();

    assert_eq!(resealed.failed, 1);
    let failures = shop
        .keyring
        .reseal_failures(&shop.ctx(), "shop.member")
        .await
        .unwrap();
    assert_eq!(failures[0].reason, FailureReason::UnknownKey);
    assert_eq!(failures[0].key, Some(KeyId::from_bytes([7; 16])));
}

// C18
#[tokio::test]
async fn rows_are_tagged_under_a_new_index_key_and_the_old_one_can_go() {
    let shop = Box::pin(Shop::open()).await;
    let person = SubjectId::generate(&shop.sources);
    let mut ids = vec![shop.join("ada@example.com", Some(person), false).await];
    for number in 0..4 {
        ids.push(shop.join(&format!("n{number}@example.com"), None, true).await);
    }
    shop.keyring.rotate(&shop.ctx(), Purpose::Index).await.unwrap();
    shop.clock.advance(TTL);
    shop.keyring.promote(&shop.ctx()).await.unwrap();
    shop.clock.advance(2 * TTL);

    let resealed = shop.keyring.reseal(&shop.ctx(), FAST(2)).await.unwrap();
    let destroyed = shop
        .keyring
        .destroy(&shop.ctx(), Purpose::Index, 1)
        .await
        .unwrap();

    assert_eq!(resealed.tagged, 5);
    assert_eq!(destroyed.state, KeyState::Destroyed);
    assert_eq!(shop.found("Ada@Example.com").await, [RowId::from(ids[0])]);
    assert_eq!(shop.found("n3@example.com").await, [RowId::from(ids[4])]);
}

#[tokio::test]
async fn a_row_whose_value_is_gone_loses_its_tags_and_one_that_cannot_be_read_keeps_them() {
    let shop = Box::pin(Shop::open()).await;
    let deleted = shop.join("ada@example.com", None, true).await;
    let broken = shop.join("bob@example.com", None, true).await;
    let whole = shop.join("eve@example.com", None, true).await;
    let mut bytes = shop.members().await[1]
        .email
        .as_ref()
        .unwrap()
        .as_bytes()
        .to_vec();
    let good = bytes.clone();
    // Of a release that is not there yet.
    bytes[0] = 200;
    shop.overwrite_member(broken, &bytes).await;
    let mut tx = shop.db.begin(&shop.ctx()).await.unwrap();
    sqlx::query("delete from shop.member where tenant_id = $1 and id = $2")
        .bind(shop.tenant)
        .bind(deleted)
        .execute(&mut tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    shop.keyring.rotate(&shop.ctx(), Purpose::Index).await.unwrap();
    shop.clock.advance(TTL);
    shop.keyring.promote(&shop.ctx()).await.unwrap();
    shop.clock.advance(2 * TTL);

    let resealed = shop.keyring.reseal(&shop.ctx(), FAST(1)).await.unwrap();
    let destroyed = shop.keyring.destroy(&shop.ctx(), Purpose::Index, 1).await;

    assert_eq!(resealed.tagged, 1);
    assert!(
        matches!(destroyed, Err(KeyError::StillNeeded(1))),
        "{destroyed:?}"
    );
    assert_eq!(shop.found("eve@example.com").await, [RowId::from(whole)]);
    assert_eq!(shop.found("bob@example.com").await, [RowId::from(broken)]);
    assert_eq!(shop.found("ada@example.com").await, []);

    // Once it can be read, the old key can go.
    shop.overwrite_member(broken, &good).await;
    let resealed = shop.keyring.reseal(&shop.ctx(), FAST(1)).await.unwrap();
    shop.keyring
        .destroy(&shop.ctx(), Purpose::Index, 1)
        .await
        .unwrap();
    assert_eq!(resealed.tagged, 1);
    assert_eq!(shop.found("bob@example.com").await, [RowId::from(broken)]);
}
