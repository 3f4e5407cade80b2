//! The exact product of a price and a quantity, and the only way from it to cents.

use super::decimal::{DecimalError, Kind};
use super::{Cents, Price, Quantity};

/// Units of a notional in one cent.
const E10_IN_A_CENT: i128 = 100_000_000;

/// How a notional becomes cents. There is no default: each place says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest cent, a half to the even one: cash of executions, cost, display.
    HalfEven,
    /// Up to the next cent, towards plus infinity: holds and fees.
    Ceiling,
}

/// An exact amount of USD in units of 10^-10: what a price times a quantity is.
///
/// Sums of notionals are exact. Cents come out of one through [`Notional::to_cents`] alone, with the rounding named:
///
/// ```compile_fail,E0308
/// # use trading::{Cents, Price, Quantity};
/// fn cash(price: Price, quantity: Quantity) -> Cents {
///     price * quantity
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Notional(i128);

impl Notional {
    const KIND: Kind = Kind {
        what: "notional",
        example: "178.533",
        scale: 10,
        shown: 2,
        min: i128::MIN + 1,
        max: i128::MAX,
    };

    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many units of 10^-10 USD.
    pub const fn from_e10(units: i128) -> Self {
        Self(units)
    }

    /// The number of units of 10^-10 USD.
    pub const fn e10(self) -> i128 {
        self.0
    }

    /// The sum, unless it overflows.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, unless it overflows.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The amount in cents.
    ///
    /// # Errors
    /// [`DecimalError::OutOfRange`] when it is more than [`Cents`] can hold.
    pub fn to_cents(self, rounding: Rounding) -> Result<Cents, DecimalError> {
        Cents::from_units(match rounding {
            Rounding::HalfEven => div_half_even(self.0, E10_IN_A_CENT),
            Rounding::Ceiling => div_ceil(self.0, E10_IN_A_CENT),
        })
    }

    /// The amount as two integers that fit `bigint` columns: whole cents (rounded down) and what is left, `0..100_000_000`
    /// units of 10^-10 USD. [`Notional::from_columns`] puts them together again.
    ///
    /// # Errors
    /// [`DecimalError::OutOfRange`] when the cents are more than [`Cents`] can hold.
    pub fn to_columns(self) -> Result<(Cents, i64), DecimalError> {
        let cents = Cents::from_units(self.0.div_euclid(E10_IN_A_CENT))?;
        let rest = i64::try_from(self.0.rem_euclid(E10_IN_A_CENT)).expect("less than a cent fits an i64");
        Ok((cents, rest))
    }

    /// The amount that [`Notional::to_columns`] took apart.
    pub fn from_columns(cents: Cents, rest_e10: i64) -> Self {
        Self(i128::from(cents.cents()) * E10_IN_A_CENT + i128::from(rest_e10))
    }

    /// The mean price of so many shares, rounded half-even to four decimals, for display. `None` for no shares and where
    /// the mean is outside the range of a price.
    pub fn average_over(self, quantity: Quantity) -> Option<Price> {
        if quantity.is_zero() {
            return None;
        }
        Price::from_units(div_half_even(self.0, i128::from(quantity.e6()))).ok()
    }
}

impl From<Cents> for Notional {
    fn from(cents: Cents) -> Self {
        Self::from_columns(cents, 0)
    }
}

impl std::fmt::Display for Notional {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&Self::KIND.format(self.0))
    }
}

impl std::fmt::Debug for Notional {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Notional({self})")
    }
}

impl serde::Serialize for Notional {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The quotient rounded to the nearest integer, a half to the even one. The divisor is positive.
pub(crate) fn div_half_even(dividend: i128, divisor: i128) -> i128 {
    let floor = dividend.div_euclid(divisor);
    let rest = dividend.rem_euclid(divisor);
    let up = match rest.cmp(&(divisor - rest)) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => floor % 2 != 0,
        std::cmp::Ordering::Greater => true,
    };
    floor + i128::from(up)
}

/// The quotient rounded up. The divisor is positive.
pub(crate) fn div_ceil(dividend: i128, divisor: i128) -> i128 {
    dividend.div_euclid(divisor) + i128::from(dividend.rem_euclid(divisor) != 0)
}
