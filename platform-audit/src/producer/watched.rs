//! Attestations that were recorded and are not in the tree yet.

use std::collections::{HashMap, VecDeque};

use platform_core::TenantId;

use crate::EventId;

/// The most attestations of a tenant that are watched, the newest ones.
const OF_TENANT_MAX: usize = 16;

/// The most tenants that are looked at in a round.
const TENANTS_A_ROUND: usize = 4_096;

/// After how many looks it is told that an attestation is not sequenced. Until then the sequencer may be behind.
const LOOKS_MAX: u32 = 10;

/// What is watched until it is in the tree: of each tenant the ids and how often they were looked for.
#[derive(Debug)]
pub(super) struct Watched {
    tenants_max: usize,
    of: HashMap<TenantId, VecDeque<(EventId, u32)>>,
}

impl Watched {
    pub(super) fn new(tenants_max: usize) -> Self {
        Self {
            tenants_max,
            of: HashMap::new(),
        }
    }

    /// Watches one more. Gives back the one for which there is no room, which nobody looks for any more.
    pub(super) fn add(&mut self, tenant: TenantId, attestation: EventId) -> Option<EventId> {
        if self.of.len() >= self.tenants_max && !self.of.contains_key(&tenant) {
            return Some(attestation);
        }
        let watched = self.of.entry(tenant).or_default();
        watched.push_back((attestation, 0));
        match watched.len() > OF_TENANT_MAX {
            true => watched.pop_front().map(|(oldest, _)| oldest),
            false => None,
        }
    }

    /// What is to be looked for, first that of the tenants that were looked at least.
    pub(super) fn next(&self) -> Vec<(TenantId, Vec<EventId>)> {
        let looks = |watched: &VecDeque<(EventId, u32)>| watched.front().map_or(0, |(_, looks)| *looks);
        let mut tenants: Vec<_> = self.of.iter().collect();
        tenants.sort_by_key(|(tenant, watched)| (looks(watched), **tenant));
        let ids = |watched: &VecDeque<(EventId, u32)>| watched.iter().map(|(id, _)| *id).collect();
        let tenants = tenants.into_iter().take(TENANTS_A_ROUND);
        tenants.map(|(tenant, watched)| (*tenant, ids(watched))).collect()
    }

    /// Ends watching one, whatever became of it; `false` when it was not watched.
    pub(super) fn end(&mut self, tenant: TenantId, attestation: EventId) -> bool {
        let Some(watched) = self.of.get_mut(&tenant) else {
            return false;
        };
        let before = watched.len();
        watched.retain(|(id, _)| *id != attestation);
        let was_watched = watched.len() < before;
        if watched.is_empty() {
            self.of.remove(&tenant);
        }
        was_watched
    }

    /// It was looked for in vain. Whether it is time to say so, which it is once.
    pub(super) fn looked(&mut self, tenant: TenantId, attestation: EventId) -> bool {
        let watched = self.of.get_mut(&tenant).into_iter().flatten();
        let one = watched.into_iter().find(|(id, _)| *id == attestation);
        one.is_some_and(|(_, looks)| {
            *looks = looks.saturating_add(1);
            *looks == LOOKS_MAX
        })
    }
}
