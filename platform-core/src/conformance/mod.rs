//! What every backend of a block must do, ours and those of others: scenarios with stable ids, to be run in a backend's tests.
//!
//! A scenario panics when the backend does not do what it declares.

#[cfg(feature = "hub")]
pub mod bus;
