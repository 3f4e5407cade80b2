//! The brokerage on a real database: orders, money, races, tenants, routes and the stream of quotes.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod damage;
mod dropped;
mod expiry;
mod failures;
mod http;
mod idempotency;
mod metrics;
mod orders;
mod portfolio;
mod preview;
mod races;
mod races_orders;
mod random;
mod rejected;
mod replacing;
mod resting;
mod stops;
mod support;
mod tenancy;
mod trail;
mod view;
mod workers;
