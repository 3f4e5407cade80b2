//! Roles, groups and grants, on a real database. Not with the other tests of this crate: some of those sign in so many at once that they need
//! the processors for themselves.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../it/authenticator.rs"]
#[allow(dead_code, reason = "the other tests want it")]
mod authenticator;
mod connected;
#[path = "../it/counted.rs"]
mod counted;
mod decisions;
mod differential;
mod escalation;
mod grants;
mod groups;
mod http;
mod instances;
mod isolation;
#[path = "../it/postbox.rs"]
#[allow(dead_code, reason = "the other tests want it")]
mod postbox;
mod roles;
mod statements;
#[path = "../it/support.rs"]
#[allow(dead_code, unused_imports, reason = "the other tests want more of it")]
mod support;
mod trail;
mod users;
mod world;
