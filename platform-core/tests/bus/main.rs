//! The bus, held to the conformance suite with every backend.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod caps;
mod memory;
#[cfg(feature = "redis")]
mod proxy;
#[cfg(feature = "redis")]
mod redis;
