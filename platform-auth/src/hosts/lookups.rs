//! How many questions the DNS is asked.

use std::fmt;
use std::time::Duration;

use platform_core::{TenantId, Timestamp};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::HostError;
use crate::throttle::{AccountKey, Held, Throttle};
use crate::{ThrottleConfig, ThrottleLimit};

/// How many lookups are under way at the same time, for all tenants together. Each takes five seconds at most.
const UNDER_WAY_MAX: usize = 16;

/// How long a lookup that finds all places taken is told to wait.
const BUSY: Duration = Duration::from_secs(5);

/// How many lookups a tenant may have made: 20 at once, then one in 15 seconds. Its own limit, because a claim that is given up and made
/// again may be looked for again at once.
const OF_TENANT: ThrottleLimit = ThrottleLimit {
    burst: 20,
    recovery: Duration::from_secs(15),
};

/// Lookups of all tenants, as this process makes them.
pub(crate) struct Lookups {
    of_tenants: Throttle,
    free: Semaphore,
}

/// A lookup that may be made now. Dropped it leaves its place to another.
#[derive(Debug)]
#[must_use]
pub(super) struct Lookup<'a>(#[expect(dead_code, reason = "held until the lookup ends")] SemaphorePermit<'a>);

impl Lookups {
    pub(crate) fn new() -> Self {
        Self {
            of_tenants: Throttle::new(ThrottleConfig {
                account: OF_TENANT,
                ..ThrottleConfig::default()
            }),
            free: Semaphore::new(UNDER_WAY_MAX),
        }
    }

    /// Counts a lookup of a tenant, whatever becomes of it, and takes a place for it. Nobody waits: a place is free or it is not.
    pub(super) async fn begin(&self, tenant: TenantId, now: Timestamp) -> Result<Lookup<'_>, HostError> {
        let Ok(place) = self.free.try_acquire() else {
            return Err(HostError::TooManyLookups { retry_after: BUSY });
        };
        let counted = self
            .of_tenants
            .begin(AccountKey::of_tenant(tenant), None, now, BUSY);
        match counted.await {
            Ok(counted) => drop(counted),
            Err(Held::TooManyAttempts { retry_after }) => {
                return Err(HostError::TooManyLookups { retry_after });
            }
            Err(Held::Busy) => return Err(HostError::TooManyLookups { retry_after: BUSY }),
        }
        Ok(Lookup(place))
    }
}

impl fmt::Debug for Lookups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookups").finish_non_exhaustive()
    }
}
