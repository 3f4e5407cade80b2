//! How long events are kept, on a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "tests")]

mod archives;
mod classes;
mod doubts;
#[cfg(feature = "keys")]
mod erasure;
mod holds;
mod months;
mod pruning;
mod races;
mod reports;
mod run;
#[cfg(feature = "keys")]
mod subjects;
mod support;
mod verified;
