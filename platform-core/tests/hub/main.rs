//! The hub, through real WebSockets over pipes in memory.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod boards;
mod drain;
mod handshake;
mod instances;
mod limits;
mod metrics;
mod places;
mod presence;
mod resume;
mod sessions;
mod slow;
mod support;
mod tickets;
