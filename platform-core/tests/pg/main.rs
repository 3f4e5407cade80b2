//! Behaviour of the tenant-scoped database.
#![allow(clippy::unwrap_used, reason = "tests")]

mod catalog;
mod hazards;
mod isolation;
mod listen;
mod logins;
mod migrations;
mod misuse;
mod pool;
mod proxy;
mod statements;
mod storm;
mod subtree;
mod support;
mod tenants;
