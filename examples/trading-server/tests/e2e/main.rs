//! The real binary, from its first start to its end: what it prints, answers, refuses, and keeps.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod admin;
mod audit;
mod bad_input;
mod commands;
mod crash;
mod credentials;
mod document;
mod echo;
mod external;
mod first_run;
mod instances;
mod isolation;
mod keys;
mod market;
mod matrix;
mod operators;
mod postgres_killed;
mod refusals;
mod restart;
mod routes;
mod secrets;
mod shutdown;
mod stream;
mod stream_rights;
mod support;
mod vault;
#[path = "../../../../platform-crypto/tests/vault_double/mod.rs"]
#[allow(dead_code, reason = "other tests want more of it")]
mod vault_double;
mod verify;
