//! The command line, the configuration and the logs of the server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod cli;
mod config;
mod config_audit;
mod config_keys;
mod config_mail;
mod protected;
mod telemetry;
