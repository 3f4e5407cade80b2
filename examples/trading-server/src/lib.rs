//! The reference server: every crate of the platform in one process.
//!
//! The binary is thin; what it is made of is here, so that the tests reach it.

pub mod archiving;
pub mod audit;
pub mod cli;
pub mod commands;
pub mod compose;
pub mod config;
pub mod database;
pub mod demo;
pub mod docs;
pub mod exit;
pub mod keeper;
pub mod keyring;
pub mod keys;
pub mod mail;
pub mod market;
pub mod ready;
pub mod redis;
pub mod refusal;
pub mod sequencing;
mod streaming;
pub mod telemetry;
pub mod tenants;
pub mod trail;
pub mod verify;
