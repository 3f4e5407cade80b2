//! Backends that promise too much: the suite says which promise is broken.

use std::time::Duration;

use async_trait::async_trait;
use platform_core::conformance::lease::{LeaseWorld, run};
use platform_core::lease::{
    FenceToken, Fencing, Holder, Lease, LeaseBackend, LeaseCaps, LeaseError, LeaseName, Leases, MemoryLeases,
    MissingCapability, Renewed, Ttl,
};
use platform_core::{ManualClock, OsRandom, Sources};
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Lie {
    /// Says that other processes see its leases.
    Shared,
    /// Says that its tokens survive.
    Durable,
    /// Gives every holder the same token.
    SameToken,
    /// Renews what is over.
    LateRenewal,
    /// Lets anybody write.
    NoFence,
    /// Lets an outdated holder end the lease of the next.
    AnybodysRelease,
}

#[derive(Clone)]
struct Liar {
    lie: Lie,
    truth: MemoryLeases,
}

#[async_trait]
impl LeaseBackend for Liar {
    fn caps(&self) -> LeaseCaps {
        LeaseCaps {
            shared: self.lie == Lie::Shared,
            fencing: match self.lie {
                Lie::Durable => Fencing::Durable,
                _ => Fencing::Volatile,
            },
        }
    }

    async fn try_acquire(
        &self,
        name: &LeaseName,
        ttl: Ttl,
        holder: &Holder,
    ) -> Result<Option<Lease>, LeaseError> {
        let mut lease = self.truth.try_acquire(name, ttl, holder).await?;
        if let Some(lease) = &mut lease
            && self.lie == Lie::SameToken
        {
            lease.token = FenceToken::new(1);
        }
        Ok(lease)
    }

    async fn renew(&self, lease: &Lease, ttl: Ttl) -> Result<Renewed, LeaseError> {
        match self.lie {
            Lie::LateRenewal => Ok(Renewed::Held(lease.clone())),
            _ => self.truth.renew(lease, ttl).await,
        }
    }

    async fn release(&self, lease: &Lease) -> Result<(), LeaseError> {
        self.truth.release(lease).await?;
        if self.lie == Lie::AnybodysRelease {
            let next = FenceToken::new(lease.token.as_i64() + 1);
            let next = Lease {
                token: next,
                ..lease.clone()
            };
            self.truth.release(&next).await?;
        }
        Ok(())
    }
}

struct World {
    lie: Lie,
    clock: Arc<ManualClock>,
    sources: Sources,
    kept: std::sync::Mutex<Liar>,
}

impl World {
    fn new(lie: Lie) -> Self {
        let start = platform_core::time::macros::datetime!(2026-01-02 03:04:05 UTC);
        let clock = Arc::new(ManualClock::starting_at(start));
        let sources = Sources::shared(clock.clone(), Arc::new(OsRandom));
        let kept = std::sync::Mutex::new(liar(lie, &sources));
        Self {
            lie,
            clock,
            sources,
            kept,
        }
    }
}

fn liar(lie: Lie, sources: &Sources) -> Liar {
    Liar {
        lie,
        truth: MemoryLeases::new(sources),
    }
}

#[async_trait]
impl LeaseWorld for World {
    async fn leases(&self) -> Leases {
        let backend = match self.lie {
            Lie::Shared => liar(self.lie, &self.sources),
            _ => self.kept.lock().unwrap().clone(),
        };
        Leases::new(backend, &self.sources)
    }

    fn name(&self, text: &str) -> LeaseName {
        LeaseName::platform(text).unwrap()
    }

    async fn elapse(&self, by: Duration) {
        self.clock.advance(by);
    }

    async fn write(&self, lease: &Lease) -> Option<bool> {
        let is_held = self.kept.lock().unwrap().truth.is_held(lease);
        match self.lie {
            Lie::NoFence => Some(true),
            // Its leases are all over the place.
            Lie::Shared => None,
            _ => Some(is_held),
        }
    }

    async fn restart(&self) {
        *self.kept.lock().unwrap() = liar(self.lie, &self.sources);
    }
}

#[tokio::test]
async fn a_backend_that_promises_too_much_is_found_out() {
    for (lie, broken) in [
        (Lie::Shared, "LEASE-12"),
        (Lie::Durable, "LEASE-13"),
        (Lie::SameToken, "LEASE-03"),
        (Lie::LateRenewal, "LEASE-05"),
        (Lie::NoFence, "LEASE-07"),
        (Lie::AnybodysRelease, "LEASE-06"),
    ] {
        let outcomes = Box::pin(run(async || World::new(lie))).await;

        let found: Vec<_> = outcomes
            .iter()
            .filter(|outcome| outcome.is_broken())
            .map(|outcome| outcome.id)
            .collect();
        assert!(found.contains(&broken), "{lie:?}: {found:?}");
    }
}

#[tokio::test]
async fn whoever_needs_more_than_a_backend_promises_is_told_at_the_start() {
    let sources = Sources::system();
    let leases = Leases::new(MemoryLeases::new(&sources), &sources);
    let needed = LeaseCaps {
        fencing: Fencing::Durable,
        shared: true,
    };

    let refused = leases.needing(needed).unwrap_err();

    assert_eq!(
        refused,
        MissingCapability {
            promised: leases.caps(),
            needed
        }
    );
    assert!(leases.needing(leases.caps()).is_ok());
}
