//! The embedded cluster, with the PostgreSQL of the machine.
#![allow(clippy::unwrap_used, reason = "tests")]

mod adoption;
mod finding;
mod refusal;
mod starting;
mod support;
