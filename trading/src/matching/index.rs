//! The open orders of this process, by symbol.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use platform_core::uuid::Uuid;
use platform_core::{TenantId, Timestamp};
use tokio::sync::Notify;

use crate::service::AccountId;
use crate::store::OrderRow;
use crate::{OrderId, Price, Quantity, Side, Symbol};

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
    pub(crate) expires_at: Option<Timestamp>,
}

/// How eager an order is: the most eager first. Orders that are equally eager keep the order of their ids, which are ordered by
/// the time of acceptance.
type Place = (i64, OrderId);

impl OpenOrder {
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
            expires_at: row.expires_at,
        }
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
    buys: HashMap<Symbol, BTreeSet<Place>>,
    sells: HashMap<Symbol, BTreeSet<Place>>,
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
        // A buy's place is its worst price turned around, so that a higher price comes first.
        let buys = index
            .buys
            .get(&symbol)
            .into_iter()
            .flatten()
            .take_while(|(place, _)| *place <= -ask.e4());
        let sells = index
            .sells
            .get(&symbol)
            .into_iter()
            .flatten()
            .take_while(|(place, _)| *place <= bid.e4());
        let wanted = buys.take(limit).chain(sells.take(limit));
        wanted
            .filter_map(|(_, id)| index.orders.get(id))
            .copied()
            .collect()
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
        self.side(open.side)
            .entry(open.symbol)
            .or_default()
            .insert(place(&open));
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
            places.remove(&place(&open));
        }
        if let Some(end) = open.expires_at
            && let Some(ids) = self.endings.get_mut(&end)
        {
            ids.remove(&id);
            if ids.is_empty() {
                self.endings.remove(&end);
            }
        }
    }

    fn side(&mut self, side: Side) -> &mut HashMap<Symbol, BTreeSet<Place>> {
        match side {
            Side::Buy => &mut self.buys,
            Side::Sell => &mut self.sells,
        }
    }
}

/// The worst price decides: the highest of a buy, the lowest of a sell, none at all before any.
fn place(open: &OpenOrder) -> Place {
    let price = match (open.side, open.worst_price) {
        (Side::Buy, Some(worst)) => -worst.e4(),
        (Side::Sell, Some(worst)) => worst.e4(),
        (_, None) => i64::MIN,
    };
    (price, open.id)
}
