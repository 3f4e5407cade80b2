//! Sessions: what is remembered of them between requests, how they come to a browser, and how they end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../it/authenticator.rs"]
#[allow(dead_code, reason = "the other tests want more of it")]
mod authenticator;
mod connected;
mod cookie;
#[path = "../it/counted.rs"]
mod counted;
mod ending;
mod instances;
mod list;
#[path = "../it/locks.rs"]
mod locks;
mod memory;
mod order;
#[path = "../it/postbox.rs"]
#[allow(dead_code, reason = "the other tests want it")]
mod postbox;
mod standing;
mod step_up;
#[path = "../it/support.rs"]
#[allow(dead_code, unused_imports, reason = "the other tests want more of it")]
mod support;
mod touches;
mod world;
