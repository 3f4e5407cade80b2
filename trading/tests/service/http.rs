//! The routes and the stream, as a client meets them.

pub(crate) mod app;
mod bad_orders;
mod bad_requests;
mod foreign;
mod routes;
mod snapshots;
pub(crate) mod stream;
mod stream_account;
mod stream_limits;
mod stream_messages;
