//! Orders that wait to be placed, and who places them.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use platform_core::{PrincipalId, TenantId};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::place::Request;
use super::queue::{FairQueue, Limits};
use super::together::Answer;

/// Orders that are being placed for longer are stuck, as behind a lock.
const LONG: Duration = Duration::from_millis(20);

/// Fewer orders are not divided among drivers: what a transaction costs whatever is in it is as much as that of several orders.
const SHARE_MIN: usize = 16;

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
    /// As many wait as somebody waits for.
    gathered: Notify,
}

struct State {
    waiting: FairQueue<Waiting>,
    /// Tasks that place orders.
    drivers: usize,
    /// Orders that they have taken and not finished.
    placing: usize,
    /// When the last of them were taken.
    taken_at: Instant,
    /// So many have to wait until one of them, which waits for more to come, takes them.
    gathering: Option<usize>,
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
                placing: 0,
                taken_at: Instant::now(),
                gathering: None,
                busy: HashSet::new(),
            }),
            drivers_max: drivers_max.max(1),
            gathered: Notify::new(),
        }
    }

    /// Has an order wait. `false` when too many do already.
    pub(super) fn push(&self, waiting: Waiting) -> bool {
        let mut state = self.lock();
        let pushed = state.waiting.push(waiting.request.ctx.tenant(), waiting);
        if state
            .gathering
            .is_some_and(|enough| state.waiting.len() >= enough)
        {
            self.gathered.notify_one();
        }
        pushed
    }

    /// The right to place orders, when something waits and not enough others do it.
    pub(super) fn driver(&self) -> Option<Driver<'_>> {
        let mut state = self.lock();
        if state.drivers >= self.drivers_max || !state.is_worth_a_commit() {
            return None;
        }
        state.drivers += 1;
        Some(Driver {
            placements: self,
            retired: false,
            gathers: false,
        })
    }

    /// Whether another driver would have something to do.
    pub(super) fn wants_driver(&self) -> bool {
        let state = self.lock();
        state.drivers < self.drivers_max && state.is_worth_a_commit()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether so much waits that it should be placed now. While many orders are being placed few others wait for them to be done: a
    /// commit of their own would keep both back, and more come meanwhile. Where that takes long nobody waits for it.
    fn is_worth_a_commit(&self) -> bool {
        let are_many = self.waiting.len() * 2 >= self.placing || self.taken_at.elapsed() > LONG;
        self.gathering.is_none() && !self.waiting.is_empty() && are_many
    }
}

/// Takes orders out of the queue until none is left.
pub(super) struct Driver<'a> {
    placements: &'a Placements,
    retired: bool,
    gathers: bool,
}

impl<'a> Driver<'a> {
    /// Waits until so many orders wait, for no longer than `patience`, unless another does so already. Until it asks for the next orders
    /// nobody else takes them.
    pub(super) async fn gather(&mut self, enough: usize, patience: Duration) {
        {
            let mut state = self.placements.lock();
            if state.gathering.is_some() || state.waiting.len() >= enough {
                return;
            }
            state.gathering = Some(enough);
            self.gathers = true;
        }
        // A notice from before is no reason to go on.
        let enough_wait = async {
            while self.placements.lock().waiting.len() < enough {
                self.placements.gathered.notified().await;
            }
        };
        let _ = tokio::time::timeout(patience, enough_wait).await;
    }

    /// The next orders to place together; those whose callers have gone are dropped. `None` when there are none, or few beside those that
    /// another driver is placing and will come back from, and the driver has retired.
    pub(super) fn next(&mut self, limit: usize) -> Option<Turn<'a>> {
        let mut state = self.placements.lock();
        if std::mem::take(&mut self.gathers) {
            state.gathering = None;
        }
        loop {
            let is_worth_it = state.is_worth_a_commit();
            // So many that each driver has as many and all are at work, where there are enough to be worth a transaction each.
            let share = (state.waiting.len() + state.placing).div_ceil(self.placements.drivers_max);
            let share = share.max(SHARE_MIN);
            let State { waiting, busy, .. } = &mut *state;
            let mut taken = match is_worth_it {
                true => waiting.take(limit.min(share), |one| !busy.contains(&owner(one))),
                false => Vec::new(),
            };
            let owners: HashSet<Owner> = taken.iter().map(owner).collect();
            // Others of theirs would only wait for them.
            taken.extend(waiting.take(limit - taken.len(), |one| owners.contains(&owner(one))));
            if taken.is_empty() {
                state.drivers -= 1;
                self.retired = true;
                return None;
            }
            let orders: Vec<_> = taken.into_iter().filter(|one| !one.answer.is_closed()).collect();
            if orders.is_empty() {
                continue;
            }
            state.busy.extend(owners.iter().copied());
            state.placing += orders.len();
            state.taken_at = Instant::now();
            return Some(Turn {
                placements: self.placements,
                count: orders.len(),
                orders,
                owners,
            });
        }
    }
}

impl Drop for Driver<'_> {
    fn drop(&mut self) {
        let mut state = self.placements.lock();
        if self.gathers {
            state.gathering = None;
        }
        if !self.retired {
            state.drivers -= 1;
        }
    }
}

/// Orders that are placed together. While it lives no others of their owners are.
pub(super) struct Turn<'a> {
    placements: &'a Placements,
    pub(super) orders: Vec<Waiting>,
    count: usize,
    owners: HashSet<Owner>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.placements.lock();
        state.placing -= self.count;
        for owner in &self.owners {
            state.busy.remove(owner);
        }
    }
}
