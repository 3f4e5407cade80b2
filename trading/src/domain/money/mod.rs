//! Prices, quantities, cents and their product: exact integers with a unit each.

mod column;
mod decimal;
mod notional;
mod text;
mod units;

pub use decimal::DecimalError;
pub use notional::{Notional, Rounding};
pub use text::DecimalText;
pub use units::{Cents, Price, Quantity};

pub(crate) use notional::{div_ceil, div_half_even};
pub(super) use text::exact_integer;
