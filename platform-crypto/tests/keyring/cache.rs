//! How long keys stay in memory, and how many.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use platform_crypto::Purpose;

use crate::support::{ADA, TTL, World, root, seal};

// C8
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_first_uses_at_once_unwrap_one_key_once() {
    let world = World::shared().await;
    world.keyring().await.keys(&world.ctx()).await.unwrap();
    let keyring = world.keyring().await;
    let before = world.provider.unwraps();

    let tasks = (0..1000).map(|_| {
        let (keyring, ctx) = (keyring.clone(), world.ctx());
        tokio::spawn(async move { keyring.keys(&ctx).await.unwrap().sealing_id() })
    });
    let ids = join_all(tasks).await;

    assert!(ids.iter().all(|id| id.as_ref().unwrap().is_some()));
    assert_eq!(world.provider.unwraps() - before, 1);
}

#[tokio::test]
async fn a_warm_cache_asks_nobody() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    keyring.keys(&world.ctx()).await.unwrap();
    let asked = world.provider.unwraps() + world.provider.wraps();

    world.provider.set_down(true);
    world.db.close().await;
    world.pass(TTL - Duration::from_secs(1));

    let keys = keyring.keys(&world.ctx()).await.unwrap();
    assert_eq!(seal(&keys, &world.sources).open(&keys).unwrap(), ADA);
    assert_eq!(world.provider.unwraps() + world.provider.wraps(), asked);
}

// C4
#[tokio::test]
async fn a_key_that_is_used_all_the_time_is_loaded_anew_at_its_time_to_live() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    keyring.keys(&world.ctx()).await.unwrap();
    let before = world.provider.unwraps();

    let touches = TTL.as_millis() / 10;
    for touch in 1..=touches {
        world.pass(Duration::from_millis(10));
        keyring.keys(&world.ctx()).await.unwrap();
        let expected = usize::from(touch == touches);
        assert_eq!(world.provider.unwraps() - before, expected, "touch {touch}");
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_no_key_live_longer() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    keyring.keys(&world.ctx()).await.unwrap();
    let before = world.provider.unwraps();

    world.clock.set(world.sources.now() - Duration::from_secs(3600));
    keyring.keys(&world.ctx()).await.unwrap();

    assert_eq!(world.provider.unwraps() - before, 1);
}

// C7
#[tokio::test]
async fn the_cache_is_bounded_in_keys_not_in_tenants() {
    let world = World::shared().await;
    let maker = world.keyring().await;
    let mut tenants = Vec::new();
    for _ in 0..12 {
        let tenant = world.test.tenant().await;
        maker.keys(&world.ctx_of(tenant)).await.unwrap();
        for _ in 0..3 {
            maker.rotate(&world.ctx_of(tenant), Purpose::Data).await.unwrap();
        }
        tenants.push(tenant);
    }
    // Four keys and a place for each tenant.
    let keyring = world.builder().capacity(20).open().await.unwrap();

    for tenant in &tenants {
        keyring.keys(&world.ctx_of(*tenant)).await.unwrap();
        assert!(
            keyring.cached_tenants().await <= 4,
            "{}",
            keyring.cached_tenants().await
        );
    }

    assert_eq!(keyring.cached_tenants().await, 4);
    let before = world.provider.unwraps();
    keyring.keys(&world.ctx_of(tenants[11])).await.unwrap();
    assert_eq!(world.provider.unwraps(), before, "the newest is kept");
    keyring.keys(&world.ctx_of(tenants[0])).await.unwrap();
    assert_eq!(world.provider.unwraps(), before + 4, "the oldest is not");
}

#[tokio::test]
async fn a_caller_who_gives_up_takes_nobodys_keys_with_him() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    let ctx = world.ctx();

    for polls in 1..40 {
        let mut future = Box::pin(keyring.keys(&ctx));
        for _ in 0..polls {
            if futures::poll!(future.as_mut()).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(future);
    }

    let keys = keyring.keys(&ctx).await.unwrap();
    assert_eq!(seal(&keys, &world.sources).open(&keys).unwrap(), ADA);
    assert_eq!(keyring.list(&ctx).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_change_that_is_heard_of_during_a_load_is_not_missed() {
    let world = World::shared().await;
    let other = world
        .builder_with(Arc::new(root(&world.sources)))
        .open()
        .await
        .unwrap();
    other.keys(&world.ctx()).await.unwrap();
    let keyring = world.keyring().await;
    let (asked, held) = (world.provider.unwraps(), world.provider.hold().await);
    let (ctx, loading) = (world.ctx(), keyring.clone());
    let loading = tokio::spawn(async move { loading.keys(&ctx).await.unwrap() });
    while world.provider.unwraps() == asked {
        tokio::task::yield_now().await;
    }

    // The rows have been read, the key is being unwrapped, and now there is another.
    let new = other.rotate_now(&world.ctx(), Purpose::Data).await.unwrap();
    keyring.invalidate(world.tenant).await;
    drop(held);

    assert_ne!(loading.await.unwrap().sealing_id(), Some(new.id));
    assert_eq!(
        keyring.keys(&world.ctx()).await.unwrap().sealing_id(),
        Some(new.id)
    );
}
