//! What is known of an open order.

use platform_core::{TenantId, Timestamp};

use crate::service::AccountId;
use crate::store::{OpenRow, OrderRow};
use crate::{OrderId, OrderStatus, Price, Priority, Quantity, Side, Symbol};

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
    /// The version of the row that says so. What is known of an order is not replaced by something older.
    pub(crate) version: i32,
}

/// What an open order waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waits {
    /// Nothing: it takes part in matching.
    No,
    /// Its stop, and its session when that has not begun.
    ForStop {
        stop: Price,
        opens_at: Option<Timestamp>,
    },
    /// Its session.
    ForOpening(Timestamp),
}

impl Waits {
    fn of(row: &OpenRow) -> Self {
        match (row.status, row.awaited_stop) {
            (OrderStatus::Pending, Some(stop)) => Self::ForStop {
                stop,
                opens_at: row.opens_at,
            },
            // A row that says it waits and not for what is due at once.
            (OrderStatus::Pending, None) => Self::ForOpening(row.opens_at.unwrap_or(row.accepted_at)),
            _ => Self::No,
        }
    }
}

/// An order that changed in a process which does not match it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChangedOrder {
    pub(crate) shard: u16,
    pub(crate) tenant: TenantId,
    pub(crate) account: AccountId,
    pub(crate) id: OrderId,
}

impl OpenOrder {
    /// The order as its row stands.
    pub(crate) fn of(tenant: TenantId, row: &OrderRow) -> Self {
        Self::of_open(tenant, &OpenRow::from(row))
    }

    /// The same by what was read of it to match it.
    pub(super) fn of_open(tenant: TenantId, row: &OpenRow) -> Self {
        Self {
            tenant,
            account: row.account,
            id: row.id,
            symbol: row.symbol,
            side: row.side,
            worst_price: row.worst_price,
            leaves: row.leaves,
            last_quote_seq: row.last_quote_seq,
            queued_at: row.queued_at,
            waits: Waits::of(row),
            expires_at: row.expires_at,
            version: row.version,
        }
    }

    /// Its place among the orders that work.
    pub(super) fn place(&self) -> Priority {
        Priority::to_fill(self.side, self.worst_price, (self.queued_at, self.id))
    }
}
