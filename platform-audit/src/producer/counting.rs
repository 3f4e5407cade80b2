//! Numbers for events, and what became of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use platform_core::pg::{TenantTx, TxEnd};
use platform_core::{Sources, TenantId};

use super::tenant_count::{Claim, Settled, TenantCount};
use super::watched::Watched;
use crate::ProducerId;

/// The numbers of all tenants for which this process has recorded lately.
#[derive(Debug)]
pub(crate) struct Counting {
    sources: Sources,
    tenants_max: usize,
    state: Mutex<State>,
    /// Attestations that were recorded and are not known to be in the tree.
    watched: Mutex<Watched>,
}

#[derive(Debug)]
struct State {
    /// That of every tenant as long as none was forgotten.
    producer: ProducerId,
    tenants: HashMap<TenantId, TenantCount>,
    /// A tenant was forgotten: one that comes now may be it, and begins with another producer.
    forgotten: bool,
    /// Nothing has become idle since all tenants were looked at.
    none_idle: bool,
    /// Grows with each tenant that begins to wait for an attestation.
    waiting: u64,
}

/// The numbers of events that are being recorded. Unless it is told otherwise, none of them is there.
#[derive(Debug)]
pub(crate) struct Ticket {
    counting: Arc<Counting>,
    tenant: TenantId,
    producer: ProducerId,
    first: u64,
    count: u64,
    /// Whether they want to be attested: all but attestations.
    fresh: bool,
    /// Shared with what hears of the end of the transaction.
    sent: Option<Arc<Mutex<Sent>>>,
}

/// How far the statement has come that inserts the events.
#[derive(Debug)]
enum Sent {
    /// It may have reached the database.
    Perhaps,
    /// It was done, and has left out the events of these numbers.
    Done { absent: Vec<u64> },
}

impl Counting {
    pub(crate) fn new(sources: Sources, tenants_max: usize) -> Self {
        let state = State {
            producer: ProducerId::generate(&sources),
            tenants: HashMap::new(),
            forgotten: false,
            none_idle: false,
            waiting: 0,
        };
        Self {
            sources,
            tenants_max,
            state: Mutex::new(state),
            watched: Mutex::new(Watched::new(tenants_max)),
        }
    }

    /// Numbers for events of a tenant, in a row; `None` when too many tenants wait to be attested.
    pub(crate) fn take(self: &Arc<Self>, tenant: TenantId, count: u64, fresh: bool) -> Option<Ticket> {
        let mut state = self.lock();
        if !state.tenants.contains_key(&tenant) && state.tenants.len() >= self.tenants_max {
            state.forget_idle();
            if state.tenants.len() >= self.tenants_max {
                return None;
            }
        }
        let producer = match state.forgotten {
            true => ProducerId::generate(&self.sources),
            false => state.producer,
        };
        let numbers = state
            .tenants
            .entry(tenant)
            .or_insert_with(|| TenantCount::new(producer));
        Some(Ticket {
            counting: Arc::clone(self),
            tenant,
            producer: numbers.producer,
            first: numbers.take(count),
            count,
            fresh,
            sent: None,
        })
    }

    /// What can be attested, the tenants that wait longest first.
    pub(super) fn claims(&self) -> Vec<(TenantId, Claim)> {
        let state = self.lock();
        let claims = state.tenants.iter();
        let mut claims: Vec<_> = claims
            .filter_map(|(tenant, count)| Some((count.waiting_since, *tenant, count.claim()?)))
            .collect();
        claims.sort_unstable_by_key(|(since, ..)| *since);
        claims
            .into_iter()
            .map(|(_, tenant, claim)| (tenant, claim))
            .collect()
    }

    /// What was claimed is in the trail.
    pub(super) fn attested(&self, tenant: TenantId, claim: &Claim) {
        let mut state = self.lock();
        if let Some(count) = state.tenants.get_mut(&tenant) {
            count.attested(claim);
            state.none_idle = false;
        }
    }

    /// The attestations that are looked for.
    pub(super) fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, tenant: TenantId, first: u64, settled: &Settled, fresh: bool) {
        let mut state = self.lock();
        let State {
            tenants,
            waiting,
            none_idle,
            ..
        } = &mut *state;
        let Some(count) = tenants.get_mut(&tenant) else {
            return;
        };
        let waited = count.is_fresh();
        count.settle(first, settled, fresh);
        if !waited && count.is_fresh() {
            *waiting += 1;
            count.waiting_since = *waiting;
        }
        *none_idle &= !count.is_idle();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget_idle(&mut self) {
        if self.none_idle {
            return;
        }
        let before = self.tenants.len();
        self.tenants.retain(|_, count| !count.is_idle());
        self.forgotten |= self.tenants.len() < before;
        self.none_idle = true;
    }
}

impl Ticket {
    /// The process and the first of the numbers.
    pub(crate) const fn first(&self) -> (ProducerId, u64) {
        (self.producer, self.first)
    }

    /// From here on the events may reach the database; what becomes of them is heard at the end of the transaction.
    pub(crate) fn send(&mut self, tx: &mut TenantTx) {
        let sent = Arc::new(Mutex::new(Sent::Perhaps));
        self.sent = Some(Arc::clone(&sent));
        let counting = Arc::clone(&self.counting);
        let (tenant, first, fresh) = (self.tenant, self.first, self.fresh);
        tx.on_end(move |end| {
            let sent = std::mem::replace(
                &mut *sent.lock().unwrap_or_else(PoisonError::into_inner),
                Sent::Perhaps,
            );
            counting.settle(tenant, first, &outcome(end, sent), fresh);
        });
    }

    /// The statement is done. Events whose position among these is named were not inserted.
    pub(crate) fn done(self, left_out: impl IntoIterator<Item = u64>) {
        let absent = left_out.into_iter().filter(|at| *at < self.count);
        let absent = absent.map(|at| self.first + at).collect();
        if let Some(sent) = &self.sent {
            *sent.lock().unwrap_or_else(PoisonError::into_inner) = Sent::Done { absent };
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.sent.is_none() {
            self.counting
                .settle(self.tenant, self.first, &Settled::Absent, self.fresh);
        }
    }
}

fn outcome(end: TxEnd, sent: Sent) -> Settled {
    match (end, sent) {
        (TxEnd::RolledBack, _) => Settled::Absent,
        (TxEnd::Committed, Sent::Done { absent }) => Settled::Recorded { absent },
        // Whoever recorded may have given up waiting, and the transaction was committed all the same.
        (TxEnd::Committed, Sent::Perhaps) | (TxEnd::Unknown, _) => Settled::Unknown,
    }
}
