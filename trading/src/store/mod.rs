//! The SQL of the brokerage: rows in, rows out, no rules.

mod accounts;
mod changes;
mod columns;
mod events;
mod idempotency;
mod orders;
mod placement;
mod positions;
mod whole;

pub(crate) use accounts::{
    AccountRow, accounts_page, count_accounts, holdings_in, holdings_of, lock_account_by_id, lock_account_of,
    lock_free_accounts, lock_free_accounts_of, open_account, read_account_of,
};
pub(crate) use changes::{Change, Changes, NewKey};
pub(crate) use events::{append_events, events_of_order};
pub(crate) use idempotency::{Remembered, forget_before, remember};
pub(crate) use orders::{
    OrderFilter, OrderRow, executions_in, executions_of, load_order, load_orders, open_orders,
    order_by_client_id, orders_page,
};
pub(crate) use placement::{Placement, PlacementNames, load_by_client_id, load_placements};
pub(crate) use positions::{load_position, load_positions};
pub(crate) use whole::{StoredEvent, WholeAccount, events_of_account, load_whole};
