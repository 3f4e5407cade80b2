//! The market through its public surface: recorded data, the simulator, the board and its streams.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod bars;
mod board;
mod bundled;
mod calendar;
mod feed;
mod halts;
mod liquidity;
mod path;
mod quote_rows;
mod refused_files;
mod remote;
mod simulator;
mod stream;
mod support;
mod worker;
