//! How much of a spool is one tenant's.

use std::collections::HashMap;
use std::time::Instant;

use super::{SpoolBounds, SpoolError};

/// How many dashes the name of a file has before the tenant's tag: behind the time, within and behind the event's id, behind what no other
/// file has.
const DASHES_BEFORE: usize = 7;

/// The tag of the tenant in the name of a file; empty where an older release has named it.
pub(super) fn share_of(name: &str) -> &str {
    name.splitn(DASHES_BEFORE + 1, '-')
        .nth(DASHES_BEFORE)
        .unwrap_or_default()
}

/// What is in a spool, in all and of each tenant.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) at: Instant,
    all: Held,
    of_tenants: HashMap<String, Held>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Held {
    files: u64,
    bytes: u64,
}

impl Counted {
    pub(super) fn nothing() -> Self {
        Self {
            at: Instant::now(),
            all: Held::default(),
            of_tenants: HashMap::new(),
        }
    }

    pub(super) fn add(&mut self, name: &str, bytes: u64) {
        self.all.add(bytes);
        let share = share_of(name);
        if !share.is_empty() {
            self.of_tenants.entry(share.to_owned()).or_default().add(bytes);
        }
    }

    /// Whether there is room for one more file: within the bounds, and of its tenant no more than is still free. So a tenant alone has half
    /// of the spool, and however many tenants have as much as they may, there is as much left for the others as one of them has.
    pub(super) fn check_room(&self, bounds: SpoolBounds, name: &str, bytes: u64) -> Result<(), SpoolError> {
        let free = Held {
            files: bounds.files_max.saturating_sub(self.all.files),
            bytes: bounds.bytes_max.saturating_sub(self.all.bytes),
        };
        let own = self.of_tenants.get(share_of(name)).copied().unwrap_or_default();
        if free.files == 0 || free.bytes < bytes {
            Err(SpoolError::Full)
        } else if own.files >= free.files || own.bytes.saturating_add(bytes) > free.bytes {
            Err(SpoolError::TenantFull)
        } else {
            Ok(())
        }
    }
}

impl Held {
    const fn add(&mut self, bytes: u64) {
        self.files = self.files.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}
