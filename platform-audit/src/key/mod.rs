//! The key of the log, which signs, and the keys made from it.

mod derived;
mod file;
mod log_key;
mod seal;

pub(crate) use derived::{DerivedKey, MacKey, derive};
pub use log_key::{LogKey, LogKeyError};
pub(crate) use seal::SealKey;
pub use seal::{NotASeal, Seal};
