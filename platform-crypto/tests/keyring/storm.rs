//! Everything fails now and then, while everybody works.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use platform_core::{Random, SeededRandom};
use platform_crypto::{KeyState, Keyring, Purpose};
use tokio_util::sync::CancellationToken;

use crate::support::{ADA, Customer, TTL, World, seal};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn outages_and_rotations_lose_no_value_and_no_version() {
    let world = World::own().await;
    let processes = [
        world.impatient_process(|builder| builder).await,
        world.impatient_process(|builder| builder).await,
    ];
    let stop = CancellationToken::new();
    let workers = processes.clone().map(|process| {
        let (worker, stop) = (process.worker(Duration::from_secs(1)), stop.clone());
        tokio::spawn(async move { worker.run(stop).await })
    });
    let (done, tries) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let keyring = processes[task % 2].clone();
            tokio::spawn(work(
                keyring,
                world.ctx(),
                world.sources.clone(),
                done.clone(),
                tries.clone(),
            ))
        })
        .collect();

    let random = SeededRandom::new(20_260_301);
    for _ in 0..24 {
        match below(&random, 6) {
            0 => world.cut_connections().await,
            1 => world.allow_connections().await,
            2 => world.provider.set_down(true),
            3 => world.provider.set_down(false),
            _ => match processes[0].rotate(&world.ctx(), Purpose::Data).await {
                Ok(_) => {}
                Err(error) => assert!(error.is_unavailable(), "{error:?}"),
            },
        }
        world.pass(TTL / 7);
        let target = tries.load(Ordering::Relaxed) + 50;
        while tries.load(Ordering::Relaxed) < target && !tasks.iter().any(|task| task.is_finished()) {
            tokio::task::yield_now().await;
        }
    }
    world.allow_connections().await;
    world.provider.set_down(false);
    done.store(true, Ordering::Relaxed);
    let customers: Vec<Customer> = join_all(tasks)
        .await
        .into_iter()
        .flat_map(Result::unwrap)
        .collect();
    stop.cancel();
    join_all(workers).await;

    assert!(customers.len() > 500, "{}", customers.len());
    let fresh = world.other_process().await;
    let keys = fresh.keys(&world.ctx()).await.unwrap();
    assert!(
        customers
            .iter()
            .all(|customer| customer.open(&keys).unwrap() == ADA)
    );
    let listed = fresh.list(&world.ctx()).await.unwrap();
    let versions: Vec<u32> = listed.iter().map(|key| key.version).collect();
    assert_eq!(
        versions,
        (1..=u32::try_from(listed.len()).unwrap()).collect::<Vec<_>>()
    );
    assert_eq!(
        listed.iter().filter(|key| key.state == KeyState::Active).count(),
        1
    );
}

/// Seals as long as it may; every failure has to be one that passes.
async fn work(
    keyring: Keyring,
    ctx: platform_core::RequestContext,
    sources: platform_core::Sources,
    done: Arc<AtomicBool>,
    tries: Arc<AtomicUsize>,
) -> Vec<Customer> {
    let mut customers: Vec<Customer> = Vec::new();
    while !done.load(Ordering::Relaxed) {
        tries.fetch_add(1, Ordering::Relaxed);
        match keyring.keys(&ctx).await {
            Ok(keys) => {
                let customer = seal(&keys, &sources);
                assert_eq!(customer.open(&keys).unwrap(), ADA);
                if let Some(earlier) = customers.last() {
                    assert_eq!(earlier.open(&keys).unwrap(), ADA);
                }
                if customers.len() < 500 {
                    customers.push(customer);
                }
            }
            Err(error) => assert!(error.is_unavailable(), "{error:?}"),
        }
        tokio::task::yield_now().await;
    }
    customers
}

fn below(random: &SeededRandom, bound: u8) -> u8 {
    let mut byte = [0];
    random.fill(&mut byte);
    byte[0] % bound
}
