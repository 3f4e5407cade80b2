//! Behaviour of the keyring, on a real PostgreSQL.
#![allow(clippy::unwrap_used, reason = "tests")]

mod basics;
mod support;
