//! The HTTP stack, through its router.

#![expect(clippy::unwrap_used, reason = "tests")]

mod admit;
mod body;
mod config;
mod edge;
mod headers;
mod limits;
mod metrics;
mod openapi;
mod pages;
mod params;
mod problems;
mod rate;
mod refusals;
mod support;
mod tenants;
mod websocket;
