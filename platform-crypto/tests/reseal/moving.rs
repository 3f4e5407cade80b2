//! Moving values to the key that seals now.

use std::time::Duration;

use platform_core::sqlx;
use platform_crypto::{Pacing, ResealState};

use crate::support::{FAST, Shop};

#[tokio::test]
async fn every_value_moves_to_the_key_that_seals_now_and_reads_as_before() {
    let shop = Box::pin(Shop::open()).await;
    shop.fill(7).await;
    let before = shop.emails().await;
    let old = shop.version(1).await;
    let new = shop.rotate().await;

    let resealed = shop.keyring.reseal(&shop.ctx(), FAST(3)).await.unwrap();

    assert_eq!((resealed.moved, resealed.failed), (7 + 4, 0));
    assert_eq!(shop.under(&old).await, 0);
    assert_eq!(shop.under(&new).await, 7 + 4);
    assert_eq!(shop.emails().await, before);
}

#[tokio::test]
async fn null_stays_null_and_other_columns_stay_as_they_are() {
    let shop = Box::pin(Shop::open()).await;
    let id = shop.add("ada@example.com", None).await;
    let mut tx = shop.db.begin(&shop.ctx()).await.unwrap();
    sqlx::query("update shop.customer set visits = 7 where tenant_id = $1")
        .bind(shop.tenant)
        .execute(&mut tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    shop.rotate().await;

    shop.keyring.reseal(&shop.ctx(), FAST(10)).await.unwrap();

    let row = shop.row(id).await;
    assert!(row.phone.is_none());
    assert_eq!(row.visits, 7);
}

#[tokio::test]
async fn a_job_tells_how_far_it_is() {
    let shop = Box::pin(Shop::open()).await;
    shop.fill(6).await;
    shop.rotate().await;

    shop.keyring.start_reseal(&shop.ctx()).await.unwrap();
    let begun = shop.progress().await;
    let step = shop.keyring.reseal_step(&shop.ctx(), 4).await.unwrap().unwrap();
    let half = shop.progress().await;
    shop.keyring.reseal(&shop.ctx(), FAST(4)).await.unwrap();
    let done = shop.progress().await;

    assert_eq!(
        (begun.state, begun.done, begun.remaining),
        (ResealState::Running, 0, Some(6))
    );
    assert_eq!(step.moved, 4 + 2);
    assert_eq!(
        (half.state, half.done, half.remaining),
        (ResealState::Running, 6, Some(2))
    );
    assert_eq!(
        (done.state, done.done, done.remaining),
        (ResealState::Finished, 6 + 4, None)
    );
    assert_eq!(
        (done.table.as_str(), done.to_version, done.pass),
        ("shop.customer", 2, 2)
    );
    assert!(done.finished_at.is_some());
}

#[tokio::test]
async fn a_job_goes_on_where_another_process_was_killed() {
    let shop = Box::pin(Shop::open()).await;
    shop.fill(9).await;
    let new = shop.rotate().await;
    shop.keyring.start_reseal(&shop.ctx()).await.unwrap();
    shop.keyring.reseal_step(&shop.ctx(), 4).await.unwrap();
    let survivor = shop.other_process().await;

    let step = survivor.reseal_step(&shop.ctx(), 2).await.unwrap().unwrap();
    let rest = survivor.reseal(&shop.ctx(), FAST(4)).await.unwrap();

    assert_eq!(step.moved, 2 + 2);
    assert_eq!(rest.moved, 3 + 2);
    assert_eq!(shop.under(&new).await, 9 + 6);
}

#[tokio::test]
async fn a_job_that_is_dropped_at_any_moment_is_finished_by_the_next() {
    let shop = Box::pin(Shop::open()).await;
    shop.fill(12).await;
    let before = shop.emails().await;
    let new = shop.rotate().await;

    // Every round gets a little further before it is dropped, in the middle of whatever it was doing.
    let mut polls = 1;
    let resealed = loop {
        let ctx = shop.ctx();
        let job = shop.keyring.reseal(&ctx, FAST(2));
        match give_up_after(polls, job).await {
            Some(resealed) => break resealed,
            None => polls += 1,
        }
    };

    assert_eq!(resealed.unwrap().failed, 0);
    assert_eq!(shop.under(&new).await, 12 + 8);
    assert_eq!(shop.emails().await, before);
    assert!(polls > 10, "it was dropped {polls} times");
}

#[tokio::test]
async fn a_second_job_finds_nothing_left_to_do() {
    let shop = Box::pin(Shop::open()).await;
    shop.fill(3).await;
    shop.rotate().await;
    shop.keyring.reseal(&shop.ctx(), FAST(10)).await.unwrap();

    let again = shop.keyring.reseal(&shop.ctx(), FAST(10)).await.unwrap();

    assert_eq!((again.moved, again.steps), (0, 2), "a step for each table");
}

#[tokio::test]
async fn a_rotation_during_a_job_gives_it_another_aim() {
    let shop = Box::pin(Shop::open()).await;
    shop.fill(6).await;
    shop.rotate().await;
    shop.keyring.start_reseal(&shop.ctx()).await.unwrap();
    shop.keyring.reseal_step(&shop.ctx(), 3).await.unwrap();
    let newest = shop.rotate().await;

    shop.keyring.reseal(&shop.ctx(), FAST(3)).await.unwrap();

    assert_eq!(shop.under(&newest).await, 6 + 4);
    assert_eq!(shop.progress().await.to_version, 3);
}

#[tokio::test]
async fn a_key_whose_lease_is_short_is_asked_for_more() {
    let shop = Box::pin(Shop::open_leasing(4)).await;
    shop.fill(10).await;
    let new = shop.rotate().await;

    let resealed = shop.keyring.reseal(&shop.ctx(), FAST(10)).await.unwrap();

    assert_eq!(resealed.moved, 10 + 6);
    assert_eq!(shop.under(&new).await, 10 + 6);
}

#[tokio::test]
async fn the_pause_between_two_steps_is_the_callers() {
    let shop = Box::pin(Shop::open()).await;
    shop.fill(4).await;
    shop.rotate().await;
    let ctx = shop.ctx();
    let job = shop
        .keyring
        .reseal(&ctx, Pacing::new(1, Duration::from_secs(3600)));

    let watch = async {
        while shop.keyring.reseal_progress(&ctx).await.unwrap().is_empty() || shop.progress().await.done == 0
        {
        }
        for _ in 0..20 {
            shop.progress().await;
        }
        shop.progress().await.remaining
    };
    let remaining = tokio::select! {
        _ = job => None,
        remaining = watch => remaining,
    };

    assert_eq!(remaining, Some(3));
}

/// Polls a future so often, then drops it.
async fn give_up_after<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        std::task::Poll::Ready(done) => std::task::Poll::Ready(Some(done)),
        std::task::Poll::Pending if left == 0 => std::task::Poll::Ready(None),
        std::task::Poll::Pending => {
            left -= 1;
            std::task::Poll::Pending
        }
    })
    .await
}
