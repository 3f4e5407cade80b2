//! The suite of leases on its two backends, and the model against random operations.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use platform_core::conformance::lease::{LeaseWorld, Op, replay, run};
use platform_core::conformance::{Outcome, Verdict};
use platform_core::lease::{Lease, LeaseName, Leases, MemoryLeases, PgLeases};
use platform_core::testing::TestCluster;
use platform_core::time::macros::datetime;
use platform_core::{ManualClock, OsRandom, Sources};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::support::{PgWorld, holder, ttl};
use crate::support::{BLOCKS, shared};

struct MemoryWorld {
    clock: Arc<ManualClock>,
    sources: Sources,
    backend: MemoryLeases,
}

impl MemoryWorld {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::starting_at(datetime!(2026-01-02 03:04:05 UTC)));
        let sources = Sources::shared(clock.clone(), Arc::new(OsRandom));
        Self {
            clock,
            backend: MemoryLeases::new(&sources),
            sources,
        }
    }
}

#[async_trait]
impl LeaseWorld for MemoryWorld {
    async fn leases(&self) -> Leases {
        Leases::new(self.backend.clone(), &self.sources)
    }

    fn name(&self, text: &str) -> LeaseName {
        LeaseName::platform(text).unwrap()
    }

    async fn elapse(&self, by: Duration) {
        self.clock.advance(by);
    }

    async fn write(&self, lease: &Lease) -> Option<bool> {
        Some(self.backend.is_held(lease))
    }

    async fn restart(&self) {}
}

fn of(outcomes: &[Outcome], verdict: &Verdict) -> Vec<&'static str> {
    let some = outcomes.iter().filter(|outcome| outcome.verdict == *verdict);
    some.map(|outcome| outcome.id).collect()
}

#[tokio::test]
async fn a_tenants_leases_in_the_database_pass_the_suite() {
    let test = shared().await;

    let outcomes = Box::pin(run(async || PgWorld::of_tenant(&test).await)).await;

    assert_eq!(of(&outcomes, &Verdict::Holds).len(), 13, "{outcomes:#?}");
}

#[tokio::test]
async fn the_platforms_leases_in_the_database_pass_the_suite() {
    let test = shared().await;

    let outcomes = Box::pin(run(async || PgWorld::of_platform(&test).await)).await;

    assert_eq!(of(&outcomes, &Verdict::Holds).len(), 13, "{outcomes:#?}");
}

#[tokio::test]
async fn leases_in_memory_pass_the_suite_as_far_as_they_promise() {
    let outcomes = Box::pin(run(async || MemoryWorld::new())).await;

    assert_eq!(of(&outcomes, &Verdict::Holds).len(), 11, "{outcomes:#?}");
    assert_eq!(of(&outcomes, &Verdict::NotPromised), ["LEASE-12", "LEASE-13"]);
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(any::<[u8; 4]>().prop_map(Op::from_bytes), 1..60)
}

#[test]
fn leases_in_the_database_answer_as_the_model_does() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let test = runtime.block_on(shared());
    let mut runner = TestRunner::new(ProptestConfig::with_cases(24));

    let compared = runner.run(&(ops(), any::<bool>()), |(ops, of_tenant)| {
        runtime.block_on(async {
            let world = match of_tenant {
                true => PgWorld::of_tenant(&test).await,
                false => PgWorld::of_platform(&test).await,
            };
            let replayed = Box::pin(replay(&world.together(), &ops)).await;
            replayed.map_err(TestCaseError::fail)
        })
    });

    compared.unwrap();
}

#[test]
fn leases_in_memory_answer_as_the_model_does() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(512));

    let compared = runner.run(&ops(), |ops| {
        let replayed = runtime.block_on(async { Box::pin(replay(&MemoryWorld::new(), &ops)).await });
        replayed.map_err(TestCaseError::fail)
    });

    compared.unwrap();
}

#[tokio::test]
async fn a_token_is_not_given_again_after_the_server_was_killed() {
    let mut cluster = Box::pin(TestCluster::on_disk(&[&BLOCKS])).await;
    let test = Box::pin(cluster.open()).await;
    let name = LeaseName::tenant(test.tenant().await, "a").unwrap();
    let leases = Leases::new(PgLeases::new(&test.db()), test.sources());
    let mut tokens = Vec::new();
    for _ in 0..3 {
        let lease = leases
            .try_acquire(&name, ttl(60), &holder("me"))
            .await
            .unwrap()
            .unwrap();
        leases.release(&lease).await.unwrap();
        tokens.push(lease.token);
    }

    cluster.kill_postmaster();
    Box::pin(cluster.restart()).await;
    let test = Box::pin(cluster.open()).await;
    let leases = Leases::new(PgLeases::new(&test.db()), test.sources());
    let lease = leases
        .try_acquire(&name, ttl(60), &holder("me"))
        .await
        .unwrap()
        .unwrap();

    tokens.push(lease.token);
    assert!(tokens.is_sorted_by(|one, next| one < next), "{tokens:?}");
}
