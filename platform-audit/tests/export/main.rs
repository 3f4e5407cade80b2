//! Finding events, proving them from the store, and taking them out of it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod reading;
mod support;

mod choosing;
mod finding;
mod lines;
mod ocsf;
mod plans;
mod proving;
mod running;
mod spreadsheets;
