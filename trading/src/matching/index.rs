//! The open orders of this process, by symbol.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use platform_core::uuid::Uuid;
use platform_core::{TenantId, Timestamp};
use tokio::sync::Notify;
use tokio::sync::mpsc;

use super::book::Book;
use super::closed::Closed;
use super::open::{ChangedOrder, OpenOrder, Waits};
use super::schedule::Schedule;
use super::shard::{Part, Shards};
use crate::store::OrderRow;
use crate::{OrderId, Price, PublishedQuote, QuoteView, Symbol, Trigger};

/// The open orders that are matched here, by symbol and eagerness. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct OpenOrders {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    index: Mutex<Index>,
    max: usize,
    shards: Shards,
    /// Of each shard; whoever matches all of them listens to the first.
    changed: Vec<Notify>,
    /// How many orders of each part something else was known of, when that was last looked at.
    drift: Mutex<BTreeMap<Part, u64>>,
}

#[derive(Debug)]
struct Index {
    orders: HashMap<OrderId, OpenOrder>,
    of_tenants: BTreeSet<(TenantId, OrderId)>,
    /// Looked into for every quote; there are as many as instruments, whose names nobody chooses to collide.
    books: foldhash::HashMap<Symbol, Book>,
    openings: Schedule,
    endings: Schedule,
    closed: Closed,
    matched: Matched,
    /// Told of orders that somebody else matches.
    elsewhere: Option<mpsc::Sender<ChangedOrder>>,
}

/// What is matched in this process.
#[derive(Debug)]
enum Matched {
    All,
    Shards(BTreeSet<u16>),
}

impl OpenOrders {
    /// Knows at most `max` orders, of all symbols until it is told that others match too.
    pub(crate) fn new(max: usize, shards: Shards) -> Self {
        Self {
            inner: Arc::new(Inner {
                index: Mutex::new(Index::new()),
                max,
                shards,
                changed: (0..shards.count()).map(|_| Notify::new()).collect(),
                drift: Mutex::default(),
            }),
        }
    }

    /// How the symbols are divided.
    pub(crate) fn shards(&self) -> Shards {
        self.inner.shards
    }

    /// From now on the orders of a part are known here, beside those of other parts. Their rows are to be read afterwards.
    pub(crate) fn begin(&self, part: Part) {
        let mut index = self.lock();
        match (part, &mut index.matched) {
            (Part::All, matched) => *matched = Matched::All,
            (Part::Shard(_), Matched::All) => {}
            (Part::Shard(shard), Matched::Shards(shards)) => {
                shards.insert(shard);
            }
        }
    }

    /// From now on the orders of a part are matched elsewhere, and those that are known forgotten.
    pub(crate) fn end(&self, part: Part) {
        let shards = self.inner.shards;
        let mut index = self.lock();
        match (part, &mut index.matched) {
            (Part::Shard(shard), Matched::Shards(led)) => {
                led.remove(&shard);
            }
            (_, matched) => *matched = Matched::Shards(BTreeSet::new()),
        }
        self.note_drift(part, 0);
        let theirs = index
            .orders
            .values()
            .filter(|open| shards.is_in(part, open.symbol));
        let theirs: Vec<OrderId> = theirs.map(|open| open.id).collect();
        for id in theirs {
            index.remove(id);
        }
    }

    /// Tells `elsewhere` of orders that change here and are matched by somebody else. What it has no place for is lost.
    #[cfg(feature = "http")]
    pub(crate) fn tell(&self, elsewhere: mpsc::Sender<ChangedOrder>) {
        self.lock().elsewhere = Some(elsewhere);
    }

    /// Keeps an order as its row stands, unless something newer is known: an open one is known from now on, a final one forgotten. Where
    /// there is no place for one more it is left out, until the rows are read anew. Of one that is matched elsewhere, those are told.
    pub(crate) fn track(&self, tenant: TenantId, row: &OrderRow) {
        let open = OpenOrder::of(tenant, row);
        let shard = self.inner.shards.of(open.symbol);
        let mut index = self.lock();
        let Some(listens) = index.listens(shard) else {
            if let Some(elsewhere) = &index.elsewhere {
                // Whoever matches it reads the rows now and then anyway.
                let _ = elsewhere.try_send(ChangedOrder {
                    shard,
                    tenant,
                    account: open.account,
                    id: open.id,
                });
            }
            return;
        };
        if row.order.status.is_terminal() {
            return index.close(open.id);
        }
        let known = index.orders.get(&open.id);
        // What was read before it was changed may come after that.
        if index.closed.has(open.id) || known.is_some_and(|known| known.version >= open.version) {
            return;
        }
        index.remove(open.id);
        if index.orders.len() >= self.inner.max {
            return;
        }
        index.insert(open);
        drop(index);
        self.notify(listens);
    }

    /// Forgets an order that is final, or was never there.
    pub(crate) fn close(&self, id: OrderId) {
        self.lock().close(id);
    }

    /// Forgets an order until its row is read anew.
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
        let listens = is.and_then(|open| index.listens(self.inner.shards.of(open.symbol)));
        // The rows may have been read before it was closed, or before others began to match it.
        let is = is.filter(|open| listens.is_some() && !index.closed.has(open.id));
        if known == is {
            return false;
        }
        index.remove(id);
        if let (Some(open), Some(listens)) = (is, listens)
            && index.orders.len() < self.inner.max
        {
            index.insert(open);
            drop(index);
            self.notify(listens);
        }
        true
    }

    /// Keeps how many orders of a part something else was known of. Tells how many those of all parts are.
    pub(crate) fn note_drift(&self, part: Part, orders: u64) -> u64 {
        let mut drift = self.inner.drift.lock().unwrap_or_else(PoisonError::into_inner);
        drift.insert(part, orders);
        drift.values().sum()
    }

    /// Is there a place for one more order?
    pub(crate) fn has_room(&self) -> bool {
        self.len() < self.inner.max
    }

    /// How many orders are known.
    pub(crate) fn len(&self) -> usize {
        self.lock().orders.len()
    }

    /// Waits until an order of a part was added. A call that was missed is remembered once.
    pub(crate) async fn changed(&self, part: Part) {
        let place = match part {
            Part::All => 0,
            Part::Shard(shard) => usize::from(shard),
        };
        match self.inner.changed.get(place) {
            Some(changed) => changed.notified().await,
            None => std::future::pending().await,
        }
    }

    fn notify(&self, place: usize) {
        if let Some(changed) = self.inner.changed.get(place) {
            changed.notify_one();
        }
    }

    /// The quotes of these that fill or elect an order that is known.
    pub(crate) fn met_by<'a>(
        &self,
        quotes: &'a [Arc<PublishedQuote>],
        trigger: Trigger,
    ) -> Vec<&'a Arc<PublishedQuote>> {
        let index = self.lock();
        let is_met = |quote: &&Arc<PublishedQuote>| {
            let book = index.books.get(&quote.symbol);
            book.is_some_and(|book| book.is_met_by(trigger, &QuoteView::from(&****quote)))
        };
        quotes.iter().filter(is_met).collect()
    }

    /// The orders that a quote with these prices could fill, the most eager first, at most `limit` of each side.
    pub(crate) fn marketable(&self, symbol: Symbol, bid: Price, ask: Price, limit: usize) -> Vec<OpenOrder> {
        let index = self.lock();
        let book = index.books.get(&symbol).into_iter();
        let wanted = book.flat_map(|book| book.marketable((bid, ask), limit));
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
        let book = index.books.get(&symbol).into_iter();
        let elected = book.flat_map(|book| book.elected(trigger, quote));
        let known = elected.filter_map(|id| index.orders.get(&id));
        let due = known.filter(|open| match open.waits {
            Waits::ForStop { opens_at, .. } => {
                open.last_quote_seq < quote.seq && opens_at.is_none_or(|opens| opens <= at)
            }
            Waits::No | Waits::ForOpening(_) => false,
        });
        due.take(limit).copied().collect()
    }

    /// The orders of a part that wait for a session which has begun, at most `limit`.
    pub(crate) fn opened(&self, part: Part, now: Timestamp, limit: usize) -> Vec<OpenOrder> {
        let index = self.lock();
        let opened = index.openings.due(now);
        self.of_part(&index, part, opened).take(limit).collect()
    }

    /// The orders of a part whose time has ended, at most `limit`.
    pub(crate) fn ended(&self, part: Part, now: Timestamp, limit: usize) -> Vec<OpenOrder> {
        let index = self.lock();
        let ended = index.endings.due(now);
        self.of_part(&index, part, ended).take(limit).collect()
    }

    /// Whether orders end or begin to work by then.
    pub(crate) fn has_due(&self, now: Timestamp) -> bool {
        let index = self.lock();
        index.endings.is_due(now) || index.openings.is_due(now)
    }

    fn of_part<'a>(
        &self,
        index: &'a Index,
        part: Part,
        ids: impl Iterator<Item = OrderId> + 'a,
    ) -> impl Iterator<Item = OpenOrder> + 'a {
        let shards = self.inner.shards;
        let known = ids.filter_map(|id| index.orders.get(&id)).copied();
        known.filter(move |open| shards.is_in(part, open.symbol))
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        self.inner.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn new() -> Self {
        Self {
            orders: HashMap::new(),
            of_tenants: BTreeSet::new(),
            books: foldhash::HashMap::default(),
            openings: Schedule::default(),
            endings: Schedule::default(),
            closed: Closed::default(),
            matched: Matched::All,
            elsewhere: None,
        }
    }

    /// Where whoever matches the orders of a shard here is told of new ones; `None` when nobody does.
    fn listens(&self, shard: u16) -> Option<usize> {
        match &self.matched {
            Matched::All => Some(0),
            Matched::Shards(shards) => shards.contains(&shard).then_some(usize::from(shard)),
        }
    }

    fn close(&mut self, id: OrderId) {
        self.closed.add(id);
        self.remove(id);
    }

    fn insert(&mut self, open: OpenOrder) {
        self.books.entry(open.symbol).or_default().insert(&open);
        if let Waits::ForOpening(at) = open.waits {
            self.openings.insert(at, open.id);
        }
        if let Some(at) = open.expires_at {
            self.endings.insert(at, open.id);
        }
        self.of_tenants.insert((open.tenant, open.id));
        self.orders.insert(open.id, open);
    }

    fn remove(&mut self, id: OrderId) {
        let Some(open) = self.orders.remove(&id) else {
            return;
        };
        self.of_tenants.remove(&(open.tenant, id));
        if let Some(book) = self.books.get_mut(&open.symbol) {
            book.remove(&open);
        }
        if let Waits::ForOpening(at) = open.waits {
            self.openings.remove(at, id);
        }
        if let Some(at) = open.expires_at {
            self.endings.remove(at, id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use platform_core::Sources;
    use time::macros::datetime;

    use super::*;
    use crate::{Cents, Intake, Notional, Order, OrderStatus, OrderTerms};

    /// An order of ten shares of AAPL of which `version - 1` have been filled.
    fn row(sources: &Sources) -> impl Fn(i32) -> OrderRow + use<> {
        let (id, account_id) = (OrderId::generate(sources), crate::AccountId::generate(sources));
        let at = datetime!(2026-01-05 15:00 UTC);
        move |version| {
            let terms = OrderTerms::market("AAPL".parse().unwrap(), crate::Side::Sell, "10".parse().unwrap());
            OrderRow {
                order: Order {
                    intake: Intake {
                        order_id: id,
                        terms: terms.unwrap(),
                        worst_price: None,
                        quote_seq: 1,
                    },
                    status: if version > 10 {
                        OrderStatus::Filled
                    } else {
                        OrderStatus::Partial
                    },
                    reason: None,
                    filled: (version - 1).to_string().parse().unwrap(),
                    notional: Notional::from_e10(0),
                    fees: Cents::ZERO,
                    hold: Cents::ZERO,
                    last_quote_seq: 1,
                    elected_quote_seq: None,
                },
                account_id,
                client_order_id: None,
                accepted_at: at,
                opens_at: None,
                requeued_at: None,
                expires_at: None,
                updated_at: at,
                version,
            }
        }
    }

    fn known(orders: &OpenOrders, tenant: TenantId) -> Vec<i32> {
        let known = orders.of_tenant(tenant, (None, 10));
        known.into_iter().map(|open| open.version).collect()
    }

    #[test]
    fn what_is_known_of_an_order_is_not_replaced_by_something_older() {
        let sources = Sources::system();
        let (tenant, row) = (TenantId::generate(&sources), row(&sources));
        let orders = OpenOrders::new(10, Shards::new(NonZeroU16::MIN));

        orders.track(tenant, &row(3));
        orders.track(tenant, &row(2));
        assert_eq!(known(&orders, tenant), [3]);

        orders.track(tenant, &row(4));
        assert_eq!(known(&orders, tenant), [4]);
    }

    #[test]
    fn an_order_that_was_closed_is_not_opened_by_something_older() {
        let sources = Sources::system();
        let (tenant, row) = (TenantId::generate(&sources), row(&sources));
        let orders = OpenOrders::new(10, Shards::new(NonZeroU16::MIN));
        orders.track(tenant, &row(3));

        orders.track(tenant, &row(11));
        orders.track(tenant, &row(4));
        let open = OpenOrder::of(tenant, &row(4));
        assert!(
            !orders.correct(open.id, None, Some(open)),
            "read before it was closed"
        );

        assert!(known(&orders, tenant).is_empty());
    }

    #[test]
    fn what_is_matched_elsewhere_is_told_and_not_kept() {
        let sources = Sources::system();
        let (tenant, row) = (TenantId::generate(&sources), row(&sources));
        let orders = OpenOrders::new(10, Shards::new(NonZeroU16::MIN));
        let (tell, mut told) = mpsc::channel(1);
        orders.lock().elsewhere = Some(tell);
        orders.track(tenant, &row(1));

        orders.end(Part::All);
        assert!(known(&orders, tenant).is_empty());
        orders.track(tenant, &row(2));
        orders.track(tenant, &row(3));
        assert!(known(&orders, tenant).is_empty());
        let changed = told.try_recv().unwrap();
        assert_eq!(
            (changed.tenant, changed.id),
            (tenant, row(2).order.intake.order_id)
        );
        assert!(told.try_recv().is_err(), "there was a place for one");

        orders.begin(Part::Shard(0));
        orders.track(tenant, &row(3));
        assert_eq!(known(&orders, tenant), [3]);
    }
}
