//! API keys and service principals, on a real database.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod addresses;
#[path = "../it/authenticator.rs"]
#[allow(dead_code, reason = "the other tests want it")]
mod authenticator;
#[path = "../it/counted.rs"]
mod counted;
mod escalation;
mod instances;
mod isolation;
mod issuing;
mod keys;
mod letters;
mod limits;
#[path = "../it/locks.rs"]
mod locks;
mod order;
#[path = "../it/postbox.rs"]
#[allow(dead_code, reason = "the other tests want it")]
mod postbox;
mod proof;
mod rotation;
mod services;
mod session_only;
#[path = "../it/support.rs"]
#[allow(dead_code, unused_imports, reason = "the other tests want more of it")]
mod support;
mod trail;
#[path = "../authz/world.rs"]
#[allow(dead_code, reason = "the other tests want more of it")]
mod world;
