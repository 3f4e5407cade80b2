//! What instances tell each other of orders.

use std::collections::BTreeMap;

use platform_core::bus::{Bus, Heard, Topic};
use platform_core::{RequestContext, TenantId, error_chain};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::open::ChangedOrder;
use super::{MatchingWorker, OpenOrders};
use crate::OrderId;
use crate::service::{AccountId, TradingError};
use crate::store;

/// Orders that wait to be told of; beyond, the leader finds them in the rows.
const WAITING_MAX: usize = 4_096;
/// Orders in one notice: some 35 KiB of the 64 that it may have.
const ORDERS_MAX: usize = 256;

/// Orders that were placed, changed or cancelled, for whoever matches them.
#[derive(Debug, Serialize, Deserialize)]
struct Changed {
    orders: Vec<Told>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Told {
    shard: u16,
    tenant: TenantId,
    account: AccountId,
    order: OrderId,
}

impl From<ChangedOrder> for Told {
    fn from(changed: ChangedOrder) -> Self {
        Self {
            shard: changed.shard,
            tenant: changed.tenant,
            account: changed.account,
            order: changed.id,
        }
    }
}

fn topic() -> Topic {
    Topic::public("trading.changed-orders").expect("letters, a point and a hyphen name a topic")
}

/// The orders that this process changes from now on and does not match.
pub(super) fn told_by(open_orders: &OpenOrders) -> mpsc::Receiver<ChangedOrder> {
    let (tell, told) = mpsc::channel(WAITING_MAX);
    open_orders.tell(tell);
    told
}

/// Tells others of orders for as long as it is polled.
pub(super) async fn tell(bus: &Bus, mut told: mpsc::Receiver<ChangedOrder>) {
    let topic = topic();
    let mut changed = Vec::with_capacity(ORDERS_MAX);
    while told.recv_many(&mut changed, ORDERS_MAX).await > 0 {
        let orders = changed.drain(..).map(Told::from).collect();
        let Ok(body) = serde_json::to_vec(&Changed { orders }) else {
            continue;
        };
        if let Err(error) = bus.publish(&topic, body.into()).await {
            tracing::debug!(
                error = error_chain(&error),
                "whoever matches was not told of orders and finds them in the rows"
            );
        }
    }
    // Somebody else tells from now on, as after a restart of the worker.
    std::future::pending().await
}

/// Keeps a leader up to date with what it is told of, for as long as it is polled.
///
/// # Errors
/// [`TradingError`] when the database fails.
pub(super) async fn hear(bus: &Bus, worker: &MatchingWorker) -> Result<(), TradingError> {
    let mut listener = bus.listener();
    if let Err(error) = listener.add(&topic()).await {
        // It is listened to as soon as the bus is back.
        tracing::debug!(error = error_chain(&error), "the bus of orders is not reached");
    }
    loop {
        match listener.next().await {
            Heard::Notice(notice) => match serde_json::from_slice::<Changed>(&notice.body) {
                Ok(changed) => worker.take_up(&changed.orders).await?,
                Err(error) => {
                    tracing::warn!(
                        error = error_chain(&error),
                        "a notice of orders could not be read"
                    );
                }
            },
            // Whatever it was, the rows say it.
            Heard::Missed => worker.load().await?,
        }
    }
}

impl MatchingWorker {
    /// Reads the rows of orders that were changed elsewhere, of those that are matched here.
    async fn take_up(&self, orders: &[Told]) -> Result<(), TradingError> {
        let mut of_tenants: BTreeMap<TenantId, Vec<OrderId>> = BTreeMap::new();
        for told in orders
            .iter()
            .take(ORDERS_MAX)
            .filter(|told| self.part.has(told.shard))
        {
            of_tenants.entry(told.tenant).or_default().push(told.order);
        }
        for (tenant, ids) in of_tenants {
            match self.take_up_of(tenant, &ids).await {
                Ok(()) => {}
                Err(error) if error.is_away() => return Err(error),
                Err(error) => tracing::warn!(
                    tenant.id = %tenant, error = error_chain(&error), "orders of other instances wait until the rows are read anew"
                ),
            }
        }
        Ok(())
    }

    async fn take_up_of(&self, tenant: TenantId, ids: &[OrderId]) -> Result<(), TradingError> {
        let inner = &self.trading.inner;
        let ctx = RequestContext::system(tenant, "load open orders", self.trading.sources());
        // Of the connections that are set aside for this, like the fills themselves.
        let mut group = inner.db.begin_group(&ctx).await?;
        let rows = store::load_orders(group.of(&ctx).await?, ids).await?;
        group.rollback().await?;
        for row in &rows {
            inner.open_orders.track(tenant, row);
        }
        Ok(())
    }
}
