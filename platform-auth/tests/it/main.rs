//! Users and sessions through the router and a real database.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod audit;
mod authenticator;
mod bad_input;
mod by_mail;
mod change;
mod clear;
mod erasure;
mod flows;
mod guessing;
mod isolation;
mod keys;
mod mail;
mod module;
mod once;
mod passwords;
mod postbox;
mod races;
mod refusals;
mod second_factor;
mod sessions;
#[cfg(feature = "mail")]
mod smtp;
mod storage;
mod support;
