//! The open orders of this process, by symbol.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use platform_core::uuid::Uuid;
use platform_core::{TenantId, Timestamp};
use tokio::sync::Notify;

use super::stops::{Waiting, Waits};
use crate::domain::Rank;
use crate::service::AccountId;
use crate::store::OrderRow;
use crate::{OrderId, Price, Priority, Quantity, QuoteView, Side, Symbol, Trigger};

/// What the matcher knows of an open order. A hint: the row decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpenOrder {
    pub(crate) tenant: TenantId,
    pub(crate) account: AccountId,
    pub(crate) id: OrderId,
    pub(crate) symbol: Symbol,
    pub(crate) side: Side,
    pub(crate) worst_price: Option<Price>,
    pub(crate) leaves: Quantity,
    pub(crate) last_quote_seq: u64,
    pub(crate) queued_at: Timestamp,
    pub(crate) waits: Waits,
    pub(crate) expires_at: Option<Timestamp>,
}

impl OpenOrder {
    /// The order as its row stands.
    pub(crate) fn of(tenant: TenantId, row: &OrderRow) -> Self {
        let order = &row.order;
        Self {
            tenant,
            account: row.account_id,
            id: order.intake.order_id,
            symbol: order.terms().symbol(),
            side: order.terms().side(),
            worst_price: order.intake.worst_price,
            leaves: order.leaves(),
            last_quote_seq: order.last_quote_seq,
            queued_at: row.queued_at(),
            waits: Waits::of(row),
            expires_at: row.expires_at,
        }
    }

    /// Its place among the orders that work.
    fn place(&self) -> Priority {
        Priority::to_fill(self.side, self.worst_price, (self.queued_at, self.id))
    }
}

/// Open orders by symbol and eagerness. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct OpenOrders {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    index: Mutex<Index>,
    max: usize,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Index {
    orders: HashMap<OrderId, OpenOrder>,
    of_tenants: BTreeSet<(TenantId, OrderId)>,
    buys: HashMap<Symbol, BTreeSet<Priority>>,
    sells: HashMap<Symbol, BTreeSet<Priority>>,
    waiting: Waiting,
    endings: BTreeMap<Timestamp, BTreeSet<OrderId>>,
}

impl OpenOrders {
    /// Knows at most `max` orders.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            inner: Arc::new(Inner {
                index: Mutex::default(),
                max,
                changed: Notify::new(),
            }),
        }
    }

    /// Keeps an order as its row stands: an open one is known from now on, a final one forgotten. Where there is no place for
    /// one more it is left out, until the rows are read anew.
    pub(crate) fn track(&self, tenant: TenantId, row: &OrderRow) {
        let order = &row.order;
        if order.status.is_terminal() {
            return self.forget(order.intake.order_id);
        }
        let open = OpenOrder::of(tenant, row);
        let mut index = self.lock();
        index.remove(open.id);
        if index.orders.len() >= self.inner.max {
            return;
        }
        index.insert(open);
        drop(index);
        self.inner.changed.notify_one();
    }

    /// Forgets an order.
    pub(crate) fn forget(&self, id: OrderId) {
        self.lock().remove(id);
    }

    /// What is known of a tenant's orders in the order of their ids, at most `limit` after `after`.
    pub(crate) fn of_tenant(
        &self,
        tenant: TenantId,
        (after, limit): (Option<OrderId>, usize),
    ) -> Vec<OpenOrder> {
        let index = self.lock();
        let from = match after {
            Some(id) => Bound::Excluded((tenant, id)),
            None => Bound::Included((tenant, OrderId::from_stored(Uuid::nil()))),
        };
        let known = index.of_tenants.range((from, Bound::Unbounded));
        let known = known.take_while(|(of, _)| *of == tenant).take(limit);
        known
            .filter_map(|(_, id)| index.orders.get(id))
            .copied()
            .collect()
    }

    /// Puts what the rows say in the place of what was known, `None` for an order that is not open, unless something else is known by
    /// now. Tells whether it did.
    pub(crate) fn correct(&self, id: OrderId, known: Option<OpenOrder>, is: Option<OpenOrder>) -> bool {
        let mut index = self.lock();
        if index.orders.get(&id).copied() != known {
            return false;
        }
        index.remove(id);
        if let Some(open) = is
            && index.orders.len() < self.inner.max
        {
            index.insert(open);
            drop(index);
            self.inner.changed.notify_one();
        }
        true
    }

    /// Is there a place for one more order?
    pub(crate) fn has_room(&self) -> bool {
        self.len() < self.inner.max
    }

    /// How many orders are known.
    pub(crate) fn len(&self) -> usize {
        self.lock().orders.len()
    }

    /// Waits until an order was added. A call that was missed is remembered once.
    pub(crate) async fn changed(&self) {
        self.inner.changed.notified().await;
    }

    /// The orders that a quote with these prices could fill, the most eager first, at most `limit` of each side.
    pub(crate) fn marketable(&self, symbol: Symbol, bid: Price, ask: Price, limit: usize) -> Vec<OpenOrder> {
        let index = self.lock();
        let [last_buy, last_sell] = [Side::Buy, Side::Sell].map(|side| Rank::fillable(side, bid, ask));
        let buys = index.buys.get(&symbol).into_iter().flatten();
        let sells = index.sells.get(&symbol).into_iter().flatten();
        let buys = buys.take_while(|place| place.reaches(last_buy)).take(limit);
        let sells = sells.take_while(|place| place.reaches(last_sell)).take(limit);
        let wanted = buys.chain(sells).map(Priority::id);
        wanted.filter_map(|id| index.orders.get(&id)).copied().collect()
    }

    /// The waiting orders whose stop a quote elects, of each side the nearest first, at most `limit`. They have not met the quote, and
    /// their session is on.
    pub(crate) fn elected(
        &self,
        symbol: Symbol,
        trigger: Trigger,
        (quote, at): (&QuoteView, Timestamp),
        limit: usize,
    ) -> Vec<OpenOrder> {
        let index = self.lock();
        let elected = index.waiting.elected(symbol, trigger, quote);
        let known = elected.filter_map(|id| index.orders.get(&id));
        let due = known.filter(|open| match open.waits {
            Waits::ForStop { opens_at, .. } => {
                open.last_quote_seq < quote.seq && opens_at.is_none_or(|opens| opens <= at)
            }
            Waits::No | Waits::ForOpening(_) => false,
        });
        due.take(limit).copied().collect()
    }

    /// The orders that wait for a session which has begun, at most `limit`.
    pub(crate) fn opened(&self, now: Timestamp, limit: usize) -> Vec<OpenOrder> {
        let index = self.lock();
        let opened = index.waiting.opened(now).take(limit);
        opened.filter_map(|id| index.orders.get(&id)).copied().collect()
    }

    /// The orders whose time has ended, at most `limit`.
    pub(crate) fn ended(&self, now: Timestamp, limit: usize) -> Vec<OpenOrder> {
        let index = self.lock();
        let ids = index.endings.range(..=now).flat_map(|(_, ids)| ids).take(limit);
        ids.filter_map(|id| index.orders.get(id)).copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        self.inner.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn insert(&mut self, open: OpenOrder) {
        match open.waits {
            Waits::No => {
                let places = self.side(open.side).entry(open.symbol).or_default();
                places.insert(open.place());
            }
            Waits::ForStop { .. } | Waits::ForOpening(_) => self.waiting.insert(&open),
        }
        if let Some(end) = open.expires_at {
            self.endings.entry(end).or_default().insert(open.id);
        }
        self.of_tenants.insert((open.tenant, open.id));
        self.orders.insert(open.id, open);
    }

    fn remove(&mut self, id: OrderId) {
        let Some(open) = self.orders.remove(&id) else {
            return;
        };
        self.of_tenants.remove(&(open.tenant, id));
        if let Some(places) = self.side(open.side).get_mut(&open.symbol) {
            places.remove(&open.place());
        }
        self.waiting.remove(&open);
        if let Some(end) = open.expires_at
            && let Some(ids) = self.endings.get_mut(&end)
        {
            ids.remove(&id);
            if ids.is_empty() {
                self.endings.remove(&end);
            }
        }
    }

    fn side(&mut self, side: Side) -> &mut HashMap<Symbol, BTreeSet<Priority>> {
        match side {
            Side::Buy => &mut self.buys,
            Side::Sell => &mut self.sells,
        }
    }
}
