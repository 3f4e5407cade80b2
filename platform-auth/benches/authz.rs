//! How long a decision takes for somebody with 10,000 grants: `cargo bench -p platform-auth --bench authz`.

use criterion::{Criterion, criterion_group, criterion_main};
use platform_core::{
    Authority, Granted, Holding, OwnedResource, Permission, PermissionSet, Resource, Sources, Window,
    uuid::Uuid,
};
use std::hint::black_box;

const GRANTS: u128 = 10_000;

const PERMISSIONS: [Permission; 8] = [
    Permission::new("accounts:close"),
    Permission::new("accounts:open"),
    Permission::new("accounts:read"),
    Permission::new("orders:cancel"),
    Permission::new("orders:place"),
    Permission::new("orders:read"),
    Permission::new("reports:export"),
    Permission::new("reports:read"),
];

/// Each on an account of its own, in one of eight roles.
fn holdings() -> Vec<Holding> {
    let roles: Vec<PermissionSet> = (1..=PERMISSIONS.len())
        .map(|count| PERMISSIONS[..count].iter().copied().collect())
        .collect();
    (0..GRANTS)
        .zip(roles.iter().cycle())
        .map(|(number, role)| Holding {
            permissions: role.clone(),
            on: Some(OwnedResource {
                kind: "account".into(),
                id: Uuid::from_u128(number).to_string().into(),
            }),
            window: Window::ALWAYS,
        })
        .collect()
}

fn decisions(c: &mut Criterion) {
    let now = Sources::system().now();
    let authority = Authority::new(PermissionSet::default()).with(Granted::new(holdings()), now);
    let [held, unknown] = [GRANTS / 2, GRANTS].map(Uuid::from_u128);

    let mut group = c.benchmark_group("authz");
    for (name, id) in [
        ("a decision on a resource that was granted", held),
        ("on one that was not", unknown),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let resource = Resource::of("account", black_box(id));
                authority.holds_on(PERMISSIONS[0], &resource, now)
            });
        });
    }
    group.bench_function("compiling 10,000 grants", |bencher| {
        bencher.iter_batched(holdings, Granted::new, criterion::BatchSize::LargeInput);
    });
    group.finish();
}

criterion_group!(benches, decisions);
criterion_main!(benches);
