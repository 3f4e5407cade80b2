//! The SQL of the brokerage: rows in, rows out, no rules.

mod account_admin;
mod accounts;
mod activities;
mod adjustments;
mod alerts;
mod bars;
mod changes;
mod columns;
mod displayed;
mod events;
mod history;
mod idempotency;
mod ledger;
mod market_state;
mod open;
mod orders;
mod placement;
mod positions;
mod snapshots;
mod state_hashes;
mod statements;
#[cfg(feature = "http")]
mod stream;
mod watchlists;
mod whole;

pub(crate) use account_admin::{has_shares_or_orders, open_orders_of, set_account_status};
pub(crate) use accounts::{
    AccountRow, accounts_page, count_accounts, holdings_in, holdings_of, insert_deposit, lock_account_by_id,
    lock_account_of, lock_free_accounts, lock_free_accounts_of, open_account, owner_of, read_account_of,
};
pub(crate) use activities::{ActivityPage, ActivityRow, activities_page};
pub(crate) use adjustments::{
    adjustment_by_key, adjustments_page, decide_adjustment, insert_adjustment, load_adjustment,
    lock_adjuster, move_cash, moved_alone, read_adjustment,
};
pub(crate) use alerts::{
    active_alerts, alerts_page, count_active_alerts, delete_alert, fire_alerts, insert_alert,
    lock_accounts_of_alerts, log_fired_alerts,
};
pub(crate) use bars::{StoredBars, bars, forget_minutes, store_minutes, stored_until};
pub(crate) use changes::{Change, Changes, NewKey};
pub(crate) use displayed::{DisplayedRow, lock_displayed, make_displayed, write_displayed};
pub(crate) use events::{append_events, events_of_order};
pub(crate) use history::{Closing, ClosingPosition, Flow, closing_before, closings_page, flow, positions_at};
pub(crate) use idempotency::{Remembered, forget_before, remember};
pub(crate) use ledger::{LedgerRow, ledger_page};
pub(crate) use market_state::{
    MarketEventRow, MarketSetting, add_market_events, market_events, market_events_after,
};
pub(crate) use open::{OpenRow, open_orders};
pub(crate) use orders::{
    OrderFilter, OrderRow, count_open_orders, executions_in, executions_of, load_order, load_orders,
    order_by_client_id, orders_page,
};
pub(crate) use placement::{Placement, PlacementNames, load_by_client_id, load_placements};
pub(crate) use positions::{load_position, load_positions};
pub(crate) use snapshots::{
    ClosedAccount, Valued, at_close, keep_closing_prices, keep_closings, lock_unclosed,
};
pub(crate) use state_hashes::{
    accounts_to_hash, keep_state_hash, newest_state, newest_state_hash, state_hash_at,
};
pub(crate) use statements::orders_moved;
#[cfg(feature = "http")]
pub(crate) use stream::{StreamedEvent, events_of_owner, last_event_seqs};
pub(crate) use watchlists::{
    delete_watched, delete_watchlist, insert_watched, insert_watchlist, load_watchlist, watchlist_names,
    watchlists_of,
};
pub(crate) use whole::{
    StoredEvent, StoredExecution, event_seq_of, events_of_account, executions_named, ledger_before_log,
    orders_of_account, orders_with_or_without_events, positions_and_newest_event,
};
