//! Beside writers and beside other workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use platform_core::sqlx;
use platform_crypto::SealedRow;

use crate::support::{Customer, FAST, Shop};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_concurrent_write_wins() {
    let shop = Arc::new(Box::pin(Shop::open()).await);
    shop.fill(30).await;
    let rows = shop.rows().await;
    shop.rotate().await;
    let stop = Arc::new(AtomicBool::new(false));

    let writer = tokio::spawn({
        let (shop, stop, rows) = (shop.clone(), stop.clone(), rows.clone());
        async move {
            let mut round = 0_usize;
            while !stop.load(Ordering::SeqCst) {
                round += 1;
                for (number, row) in rows.iter().enumerate() {
                    write(&shop, row, &format!("r{round}n{number}@example.com")).await;
                }
            }
            round
        }
    });
    for _ in 0..3 {
        shop.keyring.reseal(&shop.ctx(), FAST(7)).await.unwrap();
        shop.rotate().await;
    }
    stop.store(true, Ordering::SeqCst);
    let rounds = writer.await.unwrap();

    let expected: Vec<String> = (0..30)
        .map(|number| format!("r{rounds}n{number}@example.com"))
        .collect();
    assert_eq!(shop.emails().await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_workers_at_once_do_no_harm() {
    let shop = Arc::new(Box::pin(Shop::open()).await);
    shop.fill(40).await;
    let before = shop.emails().await;
    let new = shop.rotate().await;

    let mut workers = Vec::new();
    for _ in 0..4 {
        let keyring = Box::pin(shop.other_process()).await;
        let ctx = shop.ctx();
        workers.push(tokio::spawn(async move { keyring.reseal(&ctx, FAST(3)).await }));
    }
    let mut moved = 0;
    for worker in workers {
        moved += worker.await.unwrap().unwrap().moved;
    }

    assert_eq!(moved, 40 + 26);
    assert_eq!(shop.progress().await.done, moved);
    assert_eq!(shop.under(&new).await, 40 + 26);
    assert_eq!(shop.emails().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_fails_while_keys_are_rotated_and_values_are_moved() {
    let shop = Arc::new(Box::pin(Shop::open()).await);
    shop.fill(25).await;
    let before = shop.emails().await;
    let stop = Arc::new(AtomicBool::new(false));

    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (shop, stop, before) = (shop.clone(), stop.clone(), before.clone());
            tokio::spawn(async move {
                let mut reads = 0;
                while !stop.load(Ordering::SeqCst) {
                    assert_eq!(shop.emails().await, before);
                    reads += 1;
                }
                reads
            })
        })
        .collect();
    for _ in 0..4 {
        shop.rotate().await;
        shop.keyring.reseal(&shop.ctx(), FAST(5)).await.unwrap();
    }
    stop.store(true, Ordering::SeqCst);

    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
}

/// Reads a customer, changes the e-mail and writes it, as a service does.
async fn write(shop: &Shop, row: &Customer, email: &str) {
    let keys = shop.keyring.keys(&shop.ctx()).await.unwrap();
    let sealed = keys
        .seal(&Customer::EMAIL.at(row.tenant(), row.id), &email.to_owned())
        .unwrap();
    let mut tx = shop.db.begin(&shop.ctx()).await.unwrap();
    sqlx::query("update shop.customer set email = $3 where tenant_id = $1 and id = $2")
        .bind(row.tenant_id)
        .bind(row.id)
        .bind(&sealed)
        .execute(&mut tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}
