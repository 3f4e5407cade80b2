//! The market through its public surface: recorded data, the simulator, the board and its streams.

#![allow(clippy::unwrap_used, reason = "tests")]

mod board;
mod bundled;
mod feed;
mod liquidity;
mod path;
mod quote_rows;
mod refused_files;
mod simulator;
mod stream;
mod support;
mod worker;
