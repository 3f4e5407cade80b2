//! The end of an old key.

use platform_crypto::{KeyError, KeyState, OpenError, Purpose};

use crate::support::{FAST, Shop, TTL};

#[tokio::test]
async fn a_key_is_destroyed_once_nothing_is_sealed_under_it() {
    let shop = Box::pin(Shop::open()).await;
    shop.fill(3).await;
    let before = shop.emails().await;
    shop.rotate().await;
    shop.keyring.promote(&shop.ctx()).await.unwrap();
    shop.clock.advance(2 * TTL);

    let refused = shop
        .keyring
        .destroy(&shop.ctx(), Purpose::Data, 1)
        .await
        .unwrap_err();
    shop.keyring.reseal(&shop.ctx(), FAST(10)).await.unwrap();
    let destroyed = shop.keyring.destroy(&shop.ctx(), Purpose::Data, 1).await.unwrap();

    assert!(
        matches!(
            refused,
            KeyError::StillUsed {
                table: "shop.customer"
            }
        ),
        "{refused:?}"
    );
    assert_eq!(destroyed.state, KeyState::Destroyed);
    assert_eq!(shop.emails().await, before);
}

#[tokio::test]
async fn a_value_that_comes_back_under_a_destroyed_key_says_so() {
    let shop = Box::pin(Shop::open()).await;
    shop.fill(1).await;
    let old = shop.rows().await.remove(0);
    shop.rotate().await;
    shop.keyring.promote(&shop.ctx()).await.unwrap();
    shop.keyring.reseal(&shop.ctx(), FAST(10)).await.unwrap();
    shop.clock.advance(2 * TTL);
    let key = shop.keyring.destroy(&shop.ctx(), Purpose::Data, 1).await.unwrap();
    shop.overwrite(old.id, old.email.as_bytes()).await;

    let opened = shop
        .keyring
        .open_all(&shop.ctx(), &shop.rows().await)
        .await
        .unwrap();
    let resealed = shop.keyring.reseal(&shop.ctx(), FAST(10)).await.unwrap();

    assert_eq!(opened[0].as_ref().unwrap_err(), &OpenError::KeyDestroyed(key.id));
    assert_eq!((resealed.moved, resealed.failed), (0, 1));
}
