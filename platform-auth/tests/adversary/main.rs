//! What an adversary tries: a stranger who wants to know who is here or to be there first, a thief of a password or a session, and whoever
//! wants the service to be busy with nobody else.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod admins;
#[path = "../it/authenticator.rs"]
#[allow(dead_code, reason = "the other tests want it")]
mod authenticator;
mod bounds;
mod delivery;
mod first;
mod meanwhile;
#[path = "../it/postbox.rs"]
#[allow(dead_code, reason = "the other tests want it")]
mod postbox;
mod restored;
mod stranger;
#[path = "../it/support.rs"]
#[allow(dead_code, unused_imports, reason = "the other tests want more of it")]
mod support;
#[path = "../authz/world.rs"]
#[allow(dead_code, unused_imports, reason = "the other tests want more of it")]
mod world;
