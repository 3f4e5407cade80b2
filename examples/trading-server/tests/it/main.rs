//! The command line, the configuration and the logs of the server.

mod cli;
mod config;
mod telemetry;
