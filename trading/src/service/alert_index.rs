//! The alerts that this process knows, by symbol and price. A hint: the row decides whether one fires.

use std::collections::{BTreeMap, BTreeSet, HashMap};
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
}

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
        let is_known = index.alerts.contains_key(&alert.id) || index.due.contains_key(&alert.id);
        if alert.fired_at.is_some() || is_known || index.len() >= self.inner.max {
            return;
        }
        let known = Known {
            tenant,
            symbol: alert.symbol,
            direction: alert.direction,
            price: alert.price,
            created_quote_seq: alert.created_quote_seq,
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

    /// Is there a place for one more alert?
    pub(crate) fn has_room(&self) -> bool {
        self.lock().len() < self.inner.max
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

    /// Alerts of one tenant that are to be fired, at most `limit`, in the order of their ids.
    pub(crate) fn due(&self, limit: usize) -> Vec<(AlertId, Crossing)> {
        let index = self.lock();
        let Some((_, first)) = index.due.first_key_value() else {
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
