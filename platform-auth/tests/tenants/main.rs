//! Tenants, what they ask of their users, and who looks after them, on a real database.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../it/authenticator.rs"]
#[allow(dead_code, reason = "the other tests want it")]
mod authenticator;
mod catalog;
mod children;
mod forgotten;
mod hosts;
mod inherited;
mod invitations;
mod lifecycle;
#[path = "../it/locks.rs"]
mod locks;
mod operators;
mod order;
mod policy;
#[path = "../it/postbox.rs"]
#[allow(dead_code, reason = "the other tests want it")]
mod postbox;
mod standing;
mod strangers;
#[path = "../it/support.rs"]
#[allow(dead_code, unused_imports, reason = "the other tests want more of it")]
mod support;
mod world;
