//! The rules of money, orders, ledger and positions, through the public surface.
#![expect(clippy::unwrap_used, reason = "tests")]

mod invariants;
mod ledger;
mod matrix;
mod metamorphic;
mod money;
mod naive;
mod orders;
mod pnl;
mod positions;
mod refusals;
mod replay;
mod session;
mod slices;
mod support;
mod tickets;
