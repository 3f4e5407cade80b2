//! What one process does is heard by the others.

use std::time::Duration;

use platform_crypto::{Keyring, OpenError, Purpose};
use tokio_util::sync::CancellationToken;

use crate::support::{TTL, World, seal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_heard_by_a_process_before_its_time_to_live() {
    let world = World::shared().await;
    let (one, other) = (world.keyring().await, world.other_process().await);
    let stop = CancellationToken::new();
    let worker = other.worker(Duration::from_secs(3600));
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { worker.run(stop).await }
    });
    let customer = seal(&one.keys(&world.ctx()).await.unwrap(), &world.sources);
    one.rotate_now(&world.ctx(), Purpose::Data).await.unwrap();
    world.pass(2 * TTL);
    other.keys(&world.ctx()).await.unwrap();
    until_it_listens(&world, &one, &other).await;

    one.destroy(&world.ctx(), Purpose::Data, 1).await.unwrap();

    // The clock stands still: only the message can have told it.
    loop {
        let keys = other.keys(&world.ctx()).await.unwrap();
        match customer.open(&keys) {
            Err(OpenError::KeyDestroyed(_)) => break,
            _ => tokio::task::yield_now().await,
        }
    }
    stop.cancel();
    running.await.unwrap();
}

/// Published versions are heard of as soon as the process listens.
async fn until_it_listens(world: &World, one: &Keyring, other: &Keyring) {
    loop {
        let new = one.rotate(&world.ctx(), Purpose::Data).await.unwrap();
        for _ in 0..100 {
            if other.keys(&world.ctx()).await.unwrap().contains(new.id) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_worker_stops_when_it_is_told_and_when_the_database_is_closed() {
    let world = World::shared().await;
    let worker = world.keyring().await.worker(Duration::from_secs(3600));
    let stop = CancellationToken::new();
    stop.cancel();

    worker.run(stop).await;

    let ((), ()) = tokio::join!(worker.run(CancellationToken::new()), world.db.close());
}
