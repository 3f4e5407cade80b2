//! The alerts that this process knows, by symbol and price. A hint: the row decides whether one fires.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use platform_core::TenantId;
use tokio::sync::Notify;

use super::{Alert, AlertDirection, AlertId};
use crate::{Price, Quote, Symbol};

/// A quote that crossed the price of an alert: the first one that did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crossing {
    pub(crate) tenant: TenantId,
    pub(crate) price: Price,
    pub(crate) quote_seq: i64,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    tenant: TenantId,
    symbol: Symbol,
    direction: AlertDirection,
    price: Price,
    created_quote_seq: i64,
    /// The reading of the rows before which it was last found or added.
    seen: Reading,
}

/// One reading of all rows, counted from the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reading(u64);

/// Cheap to clone; clones share one index.
#[derive(Debug, Clone)]
pub(crate) struct AlertIndex {
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
    alerts: HashMap<AlertId, Known>,
    above: HashMap<Symbol, BTreeSet<(Price, AlertId)>>,
    below: HashMap<Symbol, BTreeSet<(Price, AlertId)>>,
    /// Those that were crossed and have not been fired yet. They stay until the database has answered.
    due: BTreeMap<AlertId, Crossing>,
    reading: Reading,
}

impl AlertIndex {
    /// Knows at most `max` alerts.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            inner: Arc::new(Inner {
                index: Mutex::default(),
                max,
                changed: Notify::new(),
            }),
        }
    }

    /// Watches an alert that has not fired. Where there is no place for one more it is left out until the rows are read anew.
    pub(crate) fn track(&self, tenant: TenantId, alert: &Alert) {
        let mut index = self.lock();
        let seen = index.reading;
        if let Some(known) = index.alerts.get_mut(&alert.id) {
            known.seen = seen;
            return;
        }
        let is_due = index.due.contains_key(&alert.id);
        if alert.fired_at.is_some() || is_due || index.len() >= self.inner.max {
            return;
        }
        let known = Known {
            tenant,
            symbol: alert.symbol,
            direction: alert.direction,
            price: alert.price,
            created_quote_seq: alert.created_quote_seq,
            seen,
        };
        index
            .side(known.direction)
            .entry(known.symbol)
            .or_default()
            .insert((known.price, alert.id));
        index.alerts.insert(alert.id, known);
        drop(index);
        self.inner.changed.notify_one();
    }

    /// Forgets an alert.
    pub(crate) fn forget(&self, id: AlertId) {
        let mut index = self.lock();
        index.due.remove(&id);
        index.remove(id);
    }

    /// Begins to read all rows: those that are [tracked](Self::track) from now on are there.
    pub(crate) fn begin_reading(&self) -> Reading {
        let mut index = self.lock();
        index.reading.0 += 1;
        index.reading
    }

    /// Forgets what a reading that has come to its end did not find, but for tenants whose rows could not be read: it was deleted, or
    /// fired, by another process.
    pub(crate) fn forget_unseen(&self, reading: Reading, not_read: &HashSet<TenantId>) {
        let mut index = self.lock();
        let unseen = index.alerts.iter();
        let unseen = unseen.filter(|(_, known)| known.seen < reading && !not_read.contains(&known.tenant));
        let unseen: Vec<AlertId> = unseen.map(|(id, _)| *id).collect();
        for id in unseen {
            index.remove(id);
        }
    }

    /// How many alerts are known.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.lock().len()
    }

    /// Waits until an alert was added. A call that was missed is remembered once.
    pub(crate) async fn changed(&self) {
        self.inner.changed.notified().await;
    }

    /// Notes which alerts a quote crosses. Tells whether there are any.
    pub(crate) fn meet(&self, quote: &Quote) -> bool {
        let seq = i64::try_from(quote.seq).unwrap_or(i64::MAX);
        let mut index = self.lock();
        let crossed = index.crossed(quote.symbol, quote.last, seq);
        for id in &crossed {
            if let Some(known) = index.remove(*id) {
                let crossing = Crossing {
                    tenant: known.tenant,
                    price: quote.last,
                    quote_seq: seq,
                };
                index.due.insert(*id, crossing);
            }
        }
        !crossed.is_empty()
    }

    /// Alerts of one tenant, not of those that have to wait, that are to be fired, at most `limit`, in the order of their ids.
    pub(crate) fn due(&self, limit: usize, have_to_wait: &HashSet<TenantId>) -> Vec<(AlertId, Crossing)> {
        let index = self.lock();
        let mut due = index.due.values();
        let Some(first) = due.find(|due| !have_to_wait.contains(&due.tenant)) else {
            return Vec::new();
        };
        let of_tenant = index.due.iter().filter(|(_, due)| due.tenant == first.tenant);
        of_tenant.take(limit).map(|(id, due)| (*id, *due)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        self.inner.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn len(&self) -> usize {
        self.alerts.len() + self.due.len()
    }

    fn crossed(&self, symbol: Symbol, last: Price, seq: i64) -> Vec<AlertId> {
        let above = self.above.get(&symbol).into_iter().flatten();
        let above = above.take_while(|(price, _)| *price <= last);
        let below = self
            .below
            .get(&symbol)
            .into_iter()
            .flat_map(|set| set.iter().rev());
        let below = below.take_while(|(price, _)| *price >= last);
        let newer = |id: &AlertId| {
            let known = self.alerts.get(id);
            known.is_some_and(|known| known.created_quote_seq < seq)
        };
        above.chain(below).map(|(_, id)| *id).filter(newer).collect()
    }

    fn remove(&mut self, id: AlertId) -> Option<Known> {
        let known = self.alerts.remove(&id)?;
        if let Some(alerts) = self.side(known.direction).get_mut(&known.symbol) {
            alerts.remove(&(known.price, id));
        }
        Some(known)
    }

    fn side(&mut self, direction: AlertDirection) -> &mut HashMap<Symbol, BTreeSet<(Price, AlertId)>> {
        match direction {
            AlertDirection::Above => &mut self.above,
            AlertDirection::Below => &mut self.below,
        }
    }
}

#[cfg(test)]
mod tests {
    use platform_core::Sources;

    use super::*;
    use crate::service::AccountId;

    fn alert(sources: &Sources) -> Alert {
        Alert {
            id: AlertId::generate(sources),
            account_id: AccountId::generate(sources),
            symbol: "AAPL".parse().unwrap(),
            direction: AlertDirection::Above,
            price: "10.00".parse().unwrap(),
            created_quote_seq: 1,
            created_at: sources.now(),
            fired_at: None,
            fired_price: None,
        }
    }

    #[test]
    fn what_the_rows_have_no_more_is_forgotten_and_makes_room() {
        let sources = Sources::system();
        let [tenant, unread] = [(); 2].map(|()| TenantId::generate(&sources));
        let [gone, stays, kept, new] = [(); 4].map(|()| alert(&sources));
        let index = AlertIndex::new(3);
        index.track(tenant, &gone);
        index.track(tenant, &stays);
        index.track(unread, &kept);

        let reading = index.begin_reading();
        index.track(tenant, &stays);
        index.track(tenant, &new);
        assert_eq!(index.len(), 3, "there was no place for the new one");
        index.forget_unseen(reading, &HashSet::from([unread]));

        assert_eq!(index.len(), 2);
        index.track(tenant, &new);
        assert_eq!(index.len(), 3);
        index.forget_unseen(reading, &HashSet::from([unread]));
        assert_eq!(index.len(), 3, "it was added since");
    }
}
