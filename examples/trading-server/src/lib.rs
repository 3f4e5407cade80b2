//! The parts of the reference server that stand on their own: its command line, its configuration, its telemetry and its
//! exit codes.
//!
//! The binary puts them together with the crates of the platform; the tests reach them here.

pub mod cli;
pub mod config;
pub mod exit;
pub mod telemetry;
