//! Passkeys through the router and a real database.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[allow(dead_code, reason = "shared with the other tests of this crate")]
#[path = "../it/authenticator.rs"]
mod authenticator;
#[allow(dead_code, reason = "shared with the other tests of this crate")]
#[path = "../it/postbox.rs"]
mod postbox;
#[allow(dead_code, reason = "shared with the other tests of this crate")]
#[path = "../it/support.rs"]
mod support;

mod bounds;
mod browser;
mod clones;
mod device;
mod flows;
mod isolation;
mod proof;
mod races;
mod refused;
mod rule;
mod storage;
mod webdriver;
mod world;
