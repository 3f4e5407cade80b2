//! The suite of [leases](crate::lease).
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use platform_core::conformance::lease::{LeaseWorld, run};
//! use platform_core::lease::{Lease, LeaseName, Leases, MemoryLeases};
//! use platform_core::{ManualClock, OsRandom, Sources};
//!
//! struct InMemory { clock: Arc<ManualClock>, sources: Sources, backend: MemoryLeases }
//!
//! #[async_trait::async_trait]
//! impl LeaseWorld for InMemory {
//!     async fn leases(&self) -> Leases {
//!         Leases::new(self.backend.clone(), &self.sources)
//!     }
//!     fn name(&self, text: &str) -> LeaseName {
//!         LeaseName::platform(text).expect("the suite's names are names")
//!     }
//!     async fn elapse(&self, by: Duration) {
//!         self.clock.advance(by);
//!     }
//!     async fn write(&self, lease: &Lease) -> Option<bool> {
//!         Some(self.backend.is_held(lease))
//!     }
//!     async fn restart(&self) {}
//! }
//!
//! # async fn example() {
//! let outcomes = run(async || {
//!     let clock = Arc::new(ManualClock::starting_at(platform_core::time::macros::datetime!(2026-01-02 03:04:05 UTC)));
//!     let sources = Sources::shared(clock.clone(), Arc::new(OsRandom));
//!     InMemory { clock, backend: MemoryLeases::new(&sources), sources }
//! })
//! .await;
//! assert!(outcomes.iter().all(|outcome| !outcome.is_broken()), "{outcomes:#?}");
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(example());
//! ```

mod replay;
mod scenarios;

use std::time::Duration;

use async_trait::async_trait;

pub use replay::{Op, replay};

use super::{Outcome, Verdict, judged};
use crate::lease::{Fencing, Lease, LeaseName, Leases};
use scenarios as s;

/// A backend of leases that nobody else uses, with power over its time.
#[async_trait]
pub trait LeaseWorld: Send + Sync {
    /// The leases as one more process sees them.
    async fn leases(&self) -> Leases;

    /// A name that nobody has leased in this world, made of a text such as `a-1`. Other texts give other names.
    fn name(&self, text: &str) -> LeaseName;

    /// Lets so much time pass by the backend's clock, as for leases at least.
    async fn elapse(&self, by: Duration);

    /// Tries to change something under a lease, as a service would: whether the change was made. `None` where nothing can be fenced.
    async fn write(&self, lease: &Lease) -> Option<bool>;

    /// Stops the backend and starts it again. For backends whose tokens are [durable](Fencing::Durable).
    async fn restart(&self);
}

/// Runs every scenario, each in a world that `factory` makes, in the order of their ids.
pub async fn run<W: LeaseWorld>(factory: impl AsyncFn() -> W) -> Vec<Outcome> {
    let caps = factory().await.leases().await.caps();
    let mut outcomes = Vec::new();
    macro_rules! scenario {
        ($id:literal, $says:literal, $check:path) => {
            scenario!($id, $says, $check, true)
        };
        ($id:literal, $says:literal, $check:path, $promised:expr) => {
            outcomes.push(match $promised {
                true => judged($id, $says, Box::pin($check(&factory().await)).await),
                false => Outcome {
                    id: $id,
                    says: $says,
                    verdict: Verdict::NotPromised,
                },
            });
        };
    }
    scenario!(
        "LEASE-01",
        "a held lease is granted to nobody else",
        s::held_is_held
    );
    scenario!(
        "LEASE-02",
        "a lease that is over is granted again",
        s::over_is_free
    );
    scenario!(
        "LEASE-03",
        "a lease that is given back is granted at once",
        s::released_is_free
    );
    scenario!("LEASE-04", "a renewed lease lasts longer", s::renewed_lasts);
    scenario!("LEASE-05", "a lease that is over is not renewed", s::over_is_lost);
    scenario!(
        "LEASE-06",
        "an outdated holder ends nobody else's lease",
        s::late_release
    );
    scenario!("LEASE-07", "a stale holder cannot write", s::stale_writes_nothing);
    scenario!("LEASE-08", "of many who ask at once one is granted", s::one_wins);
    scenario!("LEASE-09", "leases of two names are two", s::names_are_apart);
    scenario!(
        "LEASE-10",
        "a question that is dropped leaves nothing that lasts",
        s::dropped_questions
    );
    scenario!("LEASE-11", "a model of leases answers the same", s::as_the_model);
    scenario!(
        "LEASE-12",
        "processes see each other's leases",
        s::processes_see,
        caps.shared
    );
    let durable = caps.fencing == Fencing::Durable;
    scenario!(
        "LEASE-13",
        "tokens grow over a restart",
        s::tokens_survive,
        durable
    );
    outcomes
}
