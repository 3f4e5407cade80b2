//! The SQL of the brokerage: rows in, rows out, no rules.

mod accounts;
mod events;
mod idempotency;
mod orders;
mod positions;
#[cfg(feature = "http")]
mod stream;
mod write;

pub(crate) use accounts::{
    AccountRow, accounts_page, holdings_in, holdings_of, lock_account_by_id, lock_account_of, open_account,
    read_account_of,
};
pub(crate) use events::{append_events, events_of_order};
pub(crate) use idempotency::{Remembered, forget_before, remember};
pub(crate) use orders::{
    OrderFilter, OrderRow, executions_in, executions_of, load_order, open_orders, order_by_client_id,
    orders_page,
};
pub(crate) use positions::load_position;
#[cfg(feature = "http")]
pub(crate) use stream::{StreamedEvent, events_of_owner, last_event_seqs};
pub(crate) use write::{Change, NewKey, load_by_client_id, load_placement, write_change};
