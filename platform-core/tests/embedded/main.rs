//! The embedded cluster, with the PostgreSQL of the machine.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod adoption;
mod finding;
mod refusal;
mod starting;
mod support;
mod testing;
