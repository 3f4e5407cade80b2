//! The routes of the trail, through the real middleware.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../export/support.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

mod app;

mod checkpoints;
mod document;
mod events;
mod exports;
mod holds;
mod module;
mod proofs;
mod refusals;
mod reports;
#[cfg(feature = "keys")]
mod subjects;
mod tiles;
