//! The sequencer over a real database: places, signatures, publishing, and everything that must stop it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod adopting;
mod failing;
mod kills;
mod leases;
mod marks;
mod outlet;
mod outlet_left;
mod proof;
mod rejected;
mod restoring;
mod rounds;
mod running;
mod support;
mod tampering;
mod tenants;
mod unanalyzed;
mod unsealed;
