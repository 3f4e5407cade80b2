//! Behaviour of the keyring, on a real PostgreSQL.
#![allow(clippy::unwrap_used, reason = "tests")]

mod budget;
mod cache;
mod destruction;
mod first_key;
mod maintenance;
mod messages;
mod outage;
mod root_keys;
mod rotation;
mod storm;
mod support;
mod tables;
mod tampering;
