//! What waits, of many tenants, in an order that is fair to each.

use std::collections::{HashMap, VecDeque};

use platform_core::TenantId;

/// A bounded queue that is emptied tenant by tenant in turns, so that one who sends much delays the others by no more than one place.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    tenants: HashMap<TenantId, VecDeque<T>>,
    /// The tenants of whom something waits, the next first.
    turns: VecDeque<TenantId>,
    len: usize,
    limits: Limits,
}

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Of one tenant.
    pub(super) per_tenant: usize,
    /// Of all tenants.
    pub(super) all: usize,
}

impl<T> FairQueue<T> {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            tenants: HashMap::new(),
            turns: VecDeque::new(),
            len: 0,
            limits,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds what waits for a tenant. `false`, and nothing is added, when too much of that tenant's or of everybody's waits already.
    pub(super) fn push(&mut self, tenant: TenantId, one: T) -> bool {
        let waiting = self.tenants.get(&tenant).map_or(0, VecDeque::len);
        // Whoever has nothing waiting gets a place in any case: the others' queues are no reason to keep a tenant out.
        if waiting >= self.limits.per_tenant || (self.len >= self.limits.all && waiting > 0) {
            return false;
        }
        if waiting == 0 {
            self.turns.push_back(tenant);
        }
        self.tenants.entry(tenant).or_default().push_back(one);
        self.len += 1;
        true
    }

    /// Takes at most `limit`, one of each tenant in turn, of each the oldest that `may` let through. What it does not let through keeps
    /// its place.
    pub(super) fn take(&mut self, limit: usize, mut may: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut taken = Vec::new();
        let mut passed_over = VecDeque::new();
        while taken.len() < limit
            && let Some(tenant) = self.turns.pop_front()
        {
            let Some(waiting) = self.tenants.get_mut(&tenant) else {
                continue;
            };
            let Some(one) = waiting
                .iter()
                .position(&mut may)
                .and_then(|at| waiting.remove(at))
            else {
                passed_over.push_back(tenant);
                continue;
            };
            taken.push(one);
            self.len -= 1;
            if waiting.is_empty() {
                self.tenants.remove(&tenant);
            } else {
                self.turns.push_back(tenant);
            }
        }
        // Who could not be served now is the first to be asked next time.
        passed_over.append(&mut self.turns);
        self.turns = passed_over;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        per_tenant: 4,
        all: 6,
    };

    fn tenants<const N: usize>() -> [TenantId; N] {
        let sources = platform_core::Sources::system();
        std::array::from_fn(|_| TenantId::generate(&sources))
    }

    #[test]
    fn tenants_take_turns_and_each_keeps_its_order() {
        let [much, little] = tenants();
        let mut queue = FairQueue::new(LIMITS);
        for number in 0..4 {
            assert!(queue.push(much, ("much", number)));
        }
        assert!(queue.push(little, ("little", 0)));

        assert_eq!(queue.take(3, |_| true), [("much", 0), ("little", 0), ("much", 1)]);
        assert_eq!(queue.take(9, |_| true), [("much", 2), ("much", 3)]);
        assert!(queue.is_empty());
    }

    #[test]
    fn what_is_too_much_is_refused_for_a_tenant_and_for_all() {
        let [first, second] = tenants();
        let mut queue = FairQueue::new(LIMITS);
        assert_eq!(
            [1, 2, 3, 4, 5].map(|one| queue.push(first, one)),
            [true, true, true, true, false]
        );
        assert_eq!([1, 2, 3].map(|one| queue.push(second, one)), [true, true, false]);

        queue.take(1, |_| true);
        assert!(queue.push(second, 4), "there is a place again");
    }

    #[test]
    fn what_may_not_go_yet_keeps_its_place_and_holds_nobody_up() {
        let [first, second] = tenants();
        let mut queue = FairQueue::new(LIMITS);
        for (tenant, number) in [(first, 1), (first, 2), (second, 3)] {
            queue.push(tenant, number);
        }

        assert_eq!(queue.take(9, |number| *number == 3), [3]);
        assert_eq!(queue.take(9, |_| true), [1, 2]);
    }

    proptest::proptest! {
        #[test]
        fn everything_that_was_taken_in_comes_out_once(
            steps in proptest::collection::vec((0_usize..3, proptest::prelude::any::<bool>(), 0_usize..4), 0..60)
        ) {
            let tenants: [TenantId; 3] = tenants();
            let mut queue = FairQueue::new(LIMITS);
            let (mut sent, mut received) = (Vec::new(), Vec::new());
            for (number, (tenant, pushes, limit)) in steps.into_iter().enumerate() {
                if pushes && queue.push(tenants[tenant], number) {
                    sent.push(number);
                } else {
                    received.extend(queue.take(limit, |number| number % 3 != limit));
                }
            }
            received.extend(queue.take(usize::MAX, |_| true));
            received.sort_unstable();
            proptest::prop_assert_eq!(sent, received);
            proptest::prop_assert!(queue.is_empty());
        }
    }
}
