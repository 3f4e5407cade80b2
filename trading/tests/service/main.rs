//! The brokerage on a real database: orders, money, races, tenants, routes and the stream of quotes.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod account_admin;
mod activities;
mod adjustments;
mod alerts;
mod bars;
mod closings;
mod cut;
mod damage;
mod drift;
mod dropped;
mod expiry;
mod failures;
mod halts;
mod hours;
mod http;
mod idempotency;
mod log;
mod market_admin;
mod metrics;
mod orders;
mod portfolio;
mod races;
mod random;
mod rejected;
mod resting;
mod statements;
mod support;
mod tenancy;
mod together;
mod trail;
mod upgrade;
mod verify;
mod view;
mod watchlists;
mod workers;
