//! What a process knows of a share of the tenants while it holds its lease.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use platform_core::TenantId;
use tokio::time::Instant;

use super::config::SequencerConfig;
use super::lease::{Claim, Lease};
use super::resume::Tail;
use super::sweep::Sweep;
use super::trees::Trees;
use super::waiting::Waiting;
use crate::{EventId, Refusal};

/// How long a tenant is left alone whose rounds fail for a reason nobody has thought of, or that may pass by itself.
pub(super) const ASIDE: Duration = Duration::from_secs(60);

/// A share of the tenants and what is known of it. Nothing of it outlives the lease.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) number: u8,
    pub(super) lease: Lease,
    /// When the lease is to be renewed, if nothing else has done so.
    pub(super) renew_at: Instant,
    pub(super) trees: Trees,
    /// Tenants whose trees are larger than their newest checkpoint.
    pub(super) unsigned: BTreeSet<TenantId>,
    /// How far the unsigned leaves of trees have been looked at that are too many for one round.
    pub(super) tails: HashMap<TenantId, Tail>,
    /// Whether this round has left off in one of them, so that the next one can go on at once.
    pub(super) left_off: bool,
    pub(super) refused: BTreeMap<TenantId, Refusal>,
    /// Tenants whose rounds fail for a reason nobody has thought of, and when they are tried again.
    pub(super) aside: BTreeMap<TenantId, Instant>,
    /// The events from before there were seals that an operator adopts at this moment.
    pub(super) adopting: Option<Adopting>,
    /// The tenant after which the next round begins to look.
    pub(super) cursor: Option<TenantId>,
    pub(super) sweep: Sweep,
    /// Tenants that the sweep has found signed and without a mark.
    pub(super) unmarked: usize,
    /// Whether the database may hold checkpoints that are not published.
    pub(super) unpublished: bool,
}

/// Events of a tenant from before there were seals, as they were counted and told before they are taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Adopting {
    pub(super) tenant: TenantId,
    pub(super) first: EventId,
    pub(super) last: EventId,
    /// How many of them are not taken yet.
    pub(super) left: usize,
}

impl Adopting {
    /// Whether all of these may be among them.
    pub(super) fn covers(&self, events: &[Waiting]) -> bool {
        let within = self.first.as_uuid()..=self.last.as_uuid();
        events.len() <= self.left
            && events.iter().all(|event| {
                event.tenant == self.tenant && event.before_seals && within.contains(&event.id.as_uuid())
            })
    }
}

impl Shard {
    pub(super) fn new(claim: Claim, lease: Lease, config: &SequencerConfig) -> Self {
        let trees = config.trees / u32::from(config.shards.get());
        Self {
            number: claim.shard,
            lease,
            renew_at: Instant::now() + claim.lasts / 2,
            trees: Trees::new(usize::try_from(trees.max(16)).unwrap_or(usize::MAX)),
            unsigned: BTreeSet::new(),
            tails: HashMap::new(),
            left_off: false,
            refused: BTreeMap::new(),
            aside: BTreeMap::new(),
            adopting: None,
            cursor: None,
            sweep: Sweep::new(),
            unmarked: 0,
            unpublished: true,
        }
    }

    /// The tenant whose events an operator adopts at this moment.
    pub(super) fn adopts(&self) -> Option<TenantId> {
        self.adopting.map(|adopting| adopting.tenant)
    }

    /// The tenants whose events are left on the work list.
    pub(super) fn left_alone(&self) -> Vec<TenantId> {
        self.refused.keys().chain(self.aside.keys()).copied().collect()
    }

    pub(super) fn is_left_alone(&self, tenant: TenantId) -> bool {
        self.refused.contains_key(&tenant) || self.aside.contains_key(&tenant)
    }

    /// Ends the time of those who were left alone for a while.
    pub(super) fn try_again(&mut self, now: Instant) {
        self.aside.retain(|_, until| *until > now);
        let aside = &self.aside;
        self.refused
            .retain(|tenant, refusal| refusal.is_lasting() || aside.contains_key(tenant));
    }

    /// Forgets a tenant's tree, so that it is looked at anew before anything happens to it.
    pub(super) fn forget(&mut self, tenant: TenantId) {
        self.trees.remove(tenant);
        self.tails.remove(&tenant);
    }
}
