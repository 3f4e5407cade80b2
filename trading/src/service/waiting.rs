//! Orders that wait to be placed, and who places them.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use platform_core::{PrincipalId, TenantId};
use tokio::sync::oneshot;

use super::place::Request;
use super::queue::{FairQueue, Limits};
use super::together::Answer;

/// An order with whoever waits for the answer.
pub(super) struct Waiting {
    pub(super) request: Request,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// Who owns an account: the lock that all orders of one account need.
type Owner = (TenantId, PrincipalId);

fn owner(waiting: &Waiting) -> Owner {
    (waiting.request.ctx.tenant(), waiting.request.owner)
}

/// The orders of this process that wait to be placed.
pub(crate) struct Placements {
    state: Mutex<State>,
    drivers_max: usize,
}

struct State {
    waiting: FairQueue<Waiting>,
    /// Tasks that place orders.
    drivers: usize,
    /// Whose orders are being placed. Others of theirs wait, because they would wait for the account anyway.
    busy: HashSet<Owner>,
}

impl Placements {
    pub(crate) fn new((per_tenant, all): (usize, usize), drivers_max: usize) -> Self {
        let limits = Limits { per_tenant, all };
        Self {
            state: Mutex::new(State {
                waiting: FairQueue::new(limits),
                drivers: 0,
                busy: HashSet::new(),
            }),
            drivers_max: drivers_max.max(1),
        }
    }

    /// Has an order wait. `false` when too many do already.
    pub(super) fn push(&self, waiting: Waiting) -> bool {
        self.lock().waiting.push(waiting.request.ctx.tenant(), waiting)
    }

    /// How many orders wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// The right to place orders, when something waits and not enough others do it.
    pub(super) fn driver(&self) -> Option<Driver<'_>> {
        let mut state = self.lock();
        if state.drivers >= self.drivers_max || state.waiting.is_empty() {
            return None;
        }
        state.drivers += 1;
        Some(Driver {
            placements: self,
            retired: false,
        })
    }

    /// Whether another driver would have something to do.
    pub(super) fn wants_driver(&self) -> bool {
        let state = self.lock();
        state.drivers < self.drivers_max && !state.waiting.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes orders out of the queue until none is left.
pub(super) struct Driver<'a> {
    placements: &'a Placements,
    retired: bool,
}

impl<'a> Driver<'a> {
    /// The next orders to place together; those whose callers have gone are dropped. `None` when there are none, and the driver has
    /// retired.
    pub(super) fn next(&mut self, limit: usize) -> Option<Turn<'a>> {
        let mut state = self.placements.lock();
        loop {
            let State { waiting, busy, .. } = &mut *state;
            let taken = waiting.take(limit, |one| !busy.contains(&owner(one)));
            if taken.is_empty() {
                state.drivers -= 1;
                self.retired = true;
                return None;
            }
            let orders: Vec<_> = taken.into_iter().filter(|one| !one.answer.is_closed()).collect();
            if orders.is_empty() {
                continue;
            }
            let owners: HashSet<Owner> = orders.iter().map(owner).collect();
            state.busy.extend(owners.iter().copied());
            return Some(Turn {
                placements: self.placements,
                orders,
                owners,
            });
        }
    }
}

impl Drop for Driver<'_> {
    fn drop(&mut self) {
        if !self.retired {
            self.placements.lock().drivers -= 1;
        }
    }
}

/// Orders that are placed together. While it lives no others of their owners are.
pub(super) struct Turn<'a> {
    placements: &'a Placements,
    pub(super) orders: Vec<Waiting>,
    owners: HashSet<Owner>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.placements.lock();
        for owner in &self.owners {
            state.busy.remove(owner);
        }
    }
}
