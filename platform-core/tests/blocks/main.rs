//! Behaviour of the building blocks: leases, policies of dependencies.
#![allow(clippy::unwrap_used, reason = "tests")]

mod lease;
mod resilience;
mod support;
