//! The command line, the configuration and the logs of the server.

#![allow(clippy::unwrap_used, reason = "tests")]

mod cli;
mod config;
mod telemetry;
