//! Values that cannot be opened.

use platform_crypto::{FailureReason, ResealState};

use crate::support::{FAST, Shop};

#[tokio::test]
async fn a_broken_value_is_named_by_its_row_and_does_not_stop_the_others() {
    let shop = Box::pin(Shop::open()).await;
    shop.fill(6).await;
    let rows = shop.rows().await;
    let mut flipped = rows[1].email.as_bytes().to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    shop.overwrite(rows[1].id, &flipped).await;
    shop.overwrite(rows[2].id, rows[3].email.as_bytes()).await;
    shop.overwrite(rows[4].id, &rows[4].email.as_bytes()[..30]).await;
    shop.overwrite(rows[5].id, b"plain text").await;
    let new = shop.rotate().await;

    let resealed = shop.keyring.reseal(&shop.ctx(), FAST(4)).await.unwrap();

    assert_eq!((resealed.moved, resealed.failed), (2 + 4, 4));
    assert_eq!(shop.under(&new).await, 2 + 4);
    assert_eq!(shop.progress().await.state, ResealState::Finished);
    let failures = shop
        .keyring
        .reseal_failures(&shop.ctx(), "shop.customer")
        .await
        .unwrap();
    let named: Vec<_> = failures
        .iter()
        .map(|one| (one.row.as_uuid(), one.column.as_str(), one.reason))
        .collect();
    assert_eq!(
        named,
        [
            (rows[1].id.as_uuid(), "email", FailureReason::Tampered),
            (rows[2].id.as_uuid(), "email", FailureReason::Tampered),
            (rows[4].id.as_uuid(), "email", FailureReason::Unreadable),
            (rows[5].id.as_uuid(), "email", FailureReason::Unreadable),
        ]
    );
    let shown = format!("{failures:?}");
    assert!(
        !shown.contains("example.com") && !shown.contains("plain text"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_broken_value_stays_as_it_was_and_is_forgotten_once_it_is_mended() {
    let shop = Box::pin(Shop::open()).await;
    shop.fill(2).await;
    let rows = shop.rows().await;
    let whole = rows[0].email.as_bytes().to_vec();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    shop.overwrite(rows[0].id, &flipped).await;
    shop.rotate().await;

    let first = shop.keyring.reseal(&shop.ctx(), FAST(4)).await.unwrap();
    let kept = shop.row(rows[0].id).await;
    shop.overwrite(rows[0].id, &whole).await;
    let second = shop.keyring.reseal(&shop.ctx(), FAST(4)).await.unwrap();

    assert_eq!(kept.email.as_bytes(), flipped);
    assert_eq!((first.failed, second.moved, second.failed), (1, 1, 0));
    let failures = shop.keyring.reseal_failures(&shop.ctx(), "shop.customer").await;
    assert_eq!(failures.unwrap(), []);
}
