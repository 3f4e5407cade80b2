//! Behaviour of the tenant-scoped database.
#![allow(clippy::unwrap_used, reason = "tests")]
