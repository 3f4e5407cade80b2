//! The routes and the stream, as a client meets them.

mod admin;
pub(crate) mod app;
mod bad_orders;
mod bad_requests;
mod bars;
mod changes;
mod clock;
mod foreign;
mod market_admin;
mod room;
mod routes;
mod snapshots;
pub(crate) mod stream;
mod stream_account;
mod stream_alerts;
mod stream_bad_input;
mod stream_limits;
mod stream_messages;
mod stream_places;
mod verify;
