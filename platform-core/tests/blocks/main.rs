//! Behaviour of the building blocks: leases, idempotency keys, policies of dependencies.
#![allow(clippy::unwrap_used, reason = "tests")]

mod idempotency;
mod lease;
mod resilience;
mod support;
