//! Vault as the keeper of root keys and secrets, against the double of `../vault_double`, and against a real server where `VAULT_ADDR`
//! and `VAULT_TOKEN` name one (an address and a token that may make mounts, policies and roles; everything is made under new names).

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../vault_double/mod.rs"]
mod vault_double;

mod config;
mod erasure;
mod hvac;
#[cfg(feature = "pg")]
mod keyring;
mod kv;
mod login;
mod logs;
mod outage;
mod secrets;
mod support;
mod tls;
mod transit;
