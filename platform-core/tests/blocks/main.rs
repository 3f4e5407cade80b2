//! Behaviour of the building blocks: leases.
#![allow(clippy::unwrap_used, reason = "tests")]

mod lease;
mod support;
