//! Behaviour of the tenant-scoped database.
#![allow(clippy::unwrap_used, reason = "tests")]

mod catalog;
mod ending;
mod group;
mod hazards;
mod hazards_of_roles;
mod isolation;
mod jobs;
mod listen;
mod logins;
mod migrations;
mod misuse;
mod nodelay;
mod pool;
mod proxy;
mod roles;
mod statements;
mod storm;
mod subtree;
mod support;
mod tenants;
