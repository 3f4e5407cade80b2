//! Which tenants are left alone for a while, because the database does not take what they have in the spool.

use std::collections::HashMap;
use std::time::Duration;

use platform_core::TenantId;
use tokio::time::Instant;

/// The first and the longest time that a tenant is left alone.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));

/// So many tenants are tried one after the other without success, before the database is taken to be busy.
const BUSY_MAX: u32 = 3;

/// How tenants have fared. Has no more entries than there are files in the spool.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    failing: HashMap<TenantId, Failing>,
    /// Tenants in a row that the database did not answer in time.
    busy: u32,
}

#[derive(Debug)]
struct Failing {
    failures: u32,
    until: Instant,
}

impl Patience {
    /// A round begins.
    pub(super) fn begin(&mut self) {
        let (_, longest) = PAUSES;
        let now = Instant::now();
        self.busy = 0;
        // One that nobody has tried again has nothing left in the spool.
        self.failing.retain(|_, failing| now < failing.until + longest);
    }

    /// Whether the tenant's events wait.
    pub(super) fn is_left_alone(&self, tenant: TenantId) -> bool {
        let failing = self.failing.get(&tenant);
        failing.is_some_and(|failing| Instant::now() < failing.until)
    }

    pub(super) fn recorded(&mut self, tenant: TenantId) {
        self.failing.remove(&tenant);
        self.busy = 0;
    }

    /// An event of the tenant could not be recorded: its others are not tried before a pause is over, which doubles each time.
    pub(super) fn failed(&mut self, tenant: TenantId) {
        let (first, longest) = PAUSES;
        let now = Instant::now();
        let failing = self.failing.entry(tenant).or_insert(Failing {
            failures: 0,
            until: now,
        });
        let pause = first.saturating_mul(1 << failing.failures.min(16));
        failing.failures = failing.failures.saturating_add(1);
        failing.until = now + pause.min(longest);
    }

    /// The same, because the database did not answer in time; whether it is no use to try others.
    pub(super) fn was_busy(&mut self, tenant: TenantId) -> bool {
        self.failed(tenant);
        self.busy += 1;
        self.busy >= BUSY_MAX
    }
}
