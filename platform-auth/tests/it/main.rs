//! Users and sessions through the router and a real database.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod audit;
mod bad_input;
mod clear;
mod erasure;
mod flows;
mod guessing;
mod isolation;
mod keys;
mod module;
mod passwords;
mod races;
mod sessions;
mod storage;
mod support;
