//! Modules, workers, health and shutdown through the public surface, with real TCP where there is any.
#![expect(clippy::unwrap_used, reason = "tests")]

mod build;
mod connections;
#[cfg(feature = "testing")]
mod database;
mod health;
mod resolve;
mod routes;
mod shutdown;
mod signals;
mod support;
mod workers;
