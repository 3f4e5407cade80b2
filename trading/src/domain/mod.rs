//! The rules of the brokerage as plain values and functions.

mod money;

pub use money::{Cents, DecimalError, DecimalText, Notional, Price, Quantity, Rounding};
