//! Whether there is room for one more open order: in the account, and in its tenant.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use platform_core::{RequestContext, TenantId, Timestamp, error_chain};

use super::{PlaceError, Trading, TradingError};
use crate::AccountState;
use crate::store::{self, AccountRow};

/// How long a count is good for while it is below half of what there may be, and beyond.
const GOOD_FOR: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(5)];

/// How many open orders each tenant has, as far as this process knows.
///
/// An account's orders are counted in its row, which is locked for every change of them, so that no account passes its limit. A row of the
/// tenant would have all its accounts wait for each other. So its orders are counted now and then, beside the placements, and what this
/// process takes in is added until the next time: a tenant may pass its limit by what all processes take in within seconds.
#[derive(Debug, Default)]
pub(super) struct TenantCounts {
    of: Mutex<HashMap<TenantId, Count>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    /// How many there are.
    open: u64,
    /// How many were taken in since the count that is going on was begun, the order that had it begun among them.
    since: u64,
    counted_at: Option<Timestamp>,
    is_being_counted: bool,
}

/// What a look at a tenant's count said.
struct Looked {
    has_room: bool,
    /// Whether whoever looked has to count anew.
    is_due: bool,
}

impl TenantCounts {
    /// Takes in one more order, if there is room.
    fn take_in(&self, tenant: TenantId, most: u64, now: Timestamp) -> Looked {
        let mut counts = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(tenant).or_default();
        let has_room = count.open < most;
        if has_room {
            count.open += 1;
            count.since += 1;
        }
        let [seldom, often] = GOOD_FOR;
        let good_for = if count.open < most / 2 { seldom } else { often };
        let is_due = !count.is_being_counted && count.counted_at.is_none_or(|at| at + good_for <= now);
        if is_due {
            count.is_being_counted = true;
            // The order that is being taken in may be committed too late to be counted.
            count.since = u64::from(has_room);
        }
        Looked { has_room, is_due }
    }

    /// Takes note of a count, or of a failure to count.
    fn counted(&self, tenant: TenantId, open: Option<u64>, now: Timestamp) {
        let mut counts = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(tenant).or_default();
        count.is_being_counted = false;
        if let Some(open) = open {
            count.open = open.saturating_add(count.since);
            count.counted_at = Some(now);
        }
    }
}

impl Trading {
    /// Whether an account with so many open orders may have the one that it would have after a placement. One that is final at once needs no
    /// room.
    pub(super) fn room_in_account(
        &self,
        account: &AccountRow,
        after: &AccountState,
    ) -> Result<(), PlaceError> {
        let most = self.inner.config.open_orders_per_account;
        match after.has_open_order() && u64::try_from(account.open_orders).unwrap_or(0) >= most {
            true => Err(PlaceError::TooManyOpenOrders),
            false => Ok(()),
        }
    }

    /// The same of the tenant; where there is room, the order has taken its place.
    pub(super) fn room_in_tenant(&self, tenant: TenantId, after: &AccountState) -> Result<(), PlaceError> {
        if !after.has_open_order() {
            return Ok(());
        }
        // One that the matcher has no place for would wait without ever being looked at.
        if !self.inner.open_orders.has_room() {
            return Err(PlaceError::Full);
        }
        let most = self.inner.config.open_orders_per_tenant;
        let looked = self.inner.tenant_counts.take_in(tenant, most, self.now());
        if looked.is_due {
            let trading = self.clone();
            self.inner
                .tasks
                .spawn(async move { trading.count_orders_of(tenant, most).await });
        }
        match looked.has_room {
            true => Ok(()),
            false => Err(PlaceError::Full),
        }
    }

    async fn count_orders_of(&self, tenant: TenantId, most: u64) {
        let counted = self.count_open_orders(tenant, most).await;
        if let Err(error) = &counted {
            tracing::warn!(
                tenant.id = %tenant, error = error_chain(error), "a tenant's open orders could not be counted"
            );
        }
        self.inner.tenant_counts.counted(tenant, counted.ok(), self.now());
    }

    async fn count_open_orders(&self, tenant: TenantId, most: u64) -> Result<u64, TradingError> {
        let ctx = RequestContext::system(tenant, "count open orders", self.sources());
        let mut read = self.inner.db.read(&ctx).await?;
        let open = store::count_open_orders(&mut read, most).await?;
        read.finish().await?;
        Ok(open)
    }
}
