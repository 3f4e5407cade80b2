//! The audit trail through a real database.

#![expect(clippy::unwrap_used, reason = "tests")]

mod bounds;
mod insert_only;
#[cfg(feature = "keys")]
mod keys;
mod recording;
mod support;
