//! The rules of money, orders, ledger and positions, through the public surface.
#![expect(clippy::unwrap_used, reason = "tests")]

mod fix;
mod invariants;
mod ledger;
mod listed;
mod matrix;
mod metamorphic;
mod money;
mod naive;
mod orders;
mod pnl;
mod positions;
mod priority;
mod refusals;
mod replacing;
mod replay;
mod session;
mod sessions;
mod slices;
mod stops;
mod support;
mod tickets;
mod traps;
mod types;
mod waiting;
