//! How long it takes to find out for whom an API key stands: `cargo bench -p platform-auth --bench api_key`.
//!
//! A key that was shown within the last second costs no query, and one poll of its future: that is what is measured. The clock stands still.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    unused_imports,
    reason = "a measurement"
)]

#[path = "../tests/it/authenticator.rs"]
mod authenticator;
#[path = "../tests/it/postbox.rs"]
mod postbox;
#[path = "../tests/it/support.rs"]
mod support;
#[path = "../tests/authz/world.rs"]
mod world;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use futures::FutureExt as _;
use platform_auth::{ALL_SCOPES, ApiKeyOwner, NewApiKey};
use platform_core::{OwnedResource, RequestMeta};

use crate::world::{OPEN, World, on};

fn new_key(world: &World) -> NewApiKey {
    NewApiKey {
        name: "Bench".to_owned(),
        scopes: vec![ALL_SCOPES.to_owned()],
        resources: None,
        addresses: None,
        not_before: None,
        expires_at: world.at(24 * 60 * 60),
    }
}

/// With as much of everything as a key can have.
fn limited(world: &World) -> NewApiKey {
    let depot = |number: u32| on(&format!("depot-{number:03}"));
    let resources: Vec<OwnedResource> = (0..100).filter_map(depot).collect();
    let network = |number: u32| format!("10.{number}.0.0/16");
    NewApiKey {
        scopes: vec![OPEN.name().to_owned()],
        resources: Some(resources),
        addresses: Some((0..50).map(network).collect()),
        ..new_key(world)
    }
}

fn warm_keys(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::new());
    let meta = RequestMeta {
        source_address: Some("10.49.0.1".parse().unwrap()),
        user_agent: Some("bench/1".to_owned()),
        ..RequestMeta::internal(world.app.test.sources())
    };
    let mut group = c.benchmark_group("api key");
    for (name, new) in [
        ("warm", new_key(&world)),
        ("warm, with 100 resources and 50 networks", limited(&world)),
    ] {
        let issued = runtime.block_on(async {
            let ctx = world.admin().await;
            let issued = world
                .app
                .auth
                .create_api_key(&ctx, ApiKeyOwner::Caller, new)
                .await;
            let issued = issued.unwrap();
            let token = issued.token.expose();
            world.app.auth.authenticate_api_key(token, &meta).await.unwrap();
            issued
        });
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let token = black_box(issued.token.expose());
                let shown = world.app.auth.authenticate_api_key(token, &meta).now_or_never();
                shown.expect("it is warm").unwrap()
            });
        });
    }
    group.bench_function("malformed", |bencher| {
        let text = "x".repeat(78);
        bencher.iter(|| {
            world
                .app
                .auth
                .authenticate_api_key(black_box(&text), &meta)
                .now_or_never()
        });
    });
    group.finish();
}

criterion_group!(benches, warm_keys);
criterion_main!(benches);
