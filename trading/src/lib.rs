//! placeholder

mod domain;

pub use domain::{Cents, DecimalError, DecimalText, Notional, Price, Quantity, Rounding};
