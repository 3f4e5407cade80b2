//! The three stored amounts.

use super::decimal::{DecimalError, Kind};
use super::notional::Notional;
use std::ops::Mul;

macro_rules! amount_type {
    ($(#[$meta:meta])* $name:ident, $from:ident, $unit:ident, $kind:expr) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            const KIND: Kind = $kind;

            /// The amount of so many units.
            ///
            /// # Errors
            /// [`DecimalError::OutOfRange`] outside the range of the type.
            pub fn $from(units: i64) -> Result<Self, DecimalError> {
                Self::KIND.check(i128::from(units)).map(|_| Self(units))
            }

            /// The number of units, as it is stored.
            pub const fn $unit(self) -> i64 {
                self.0
            }

            /// The sum, unless it leaves the range.
            #[must_use]
            pub fn checked_add(self, other: Self) -> Option<Self> {
                Self::$from(self.0.checked_add(other.0)?).ok()
            }

            /// The difference, unless it leaves the range.
            #[must_use]
            pub fn checked_sub(self, other: Self) -> Option<Self> {
                Self::$from(self.0.checked_sub(other.0)?).ok()
            }

            pub(crate) fn from_units(units: i128) -> Result<Self, DecimalError> {
                let checked = Self::KIND.check(units)?;
                let units = i64::try_from(checked).expect("the ranges of all amounts lie within an i64");
                Ok(Self(units))
            }
        }

        impl std::str::FromStr for $name {
            type Err = DecimalError;

            fn from_str(text: &str) -> Result<Self, DecimalError> {
                Self::KIND.parse(text).and_then(Self::from_units)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&Self::KIND.format(i128::from(self.0)))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = super::DecimalText::deserialize(deserializer)?;
                text.as_str().parse().map_err(serde::de::Error::custom)
            }
        }

        super::column::bigint_column!($name, $from);
        super::column::decimal_schema!($name, Self::KIND.example);
    };
}

amount_type! {
    /// A price of one share in USD, in units of 0.0001: more than 0, less than 10,000,000,000.
    ///
    /// Written with two to four decimals (`178.50`, `0.0001`), in JSON as a string; read from a JSON string or number.
    /// Stored as `bigint`.
    ///
    /// Only a price times a quantity is money; nothing else multiplies:
    ///
    /// ```
    /// use trading::{Price, Quantity, Rounding};
    ///
    /// let price: Price = "17.8533".parse()?;
    /// let quantity: Quantity = "10".parse()?;
    /// assert_eq!((price * quantity).to_cents(Rounding::HalfEven)?.to_string(), "178.53");
    /// # Ok::<(), trading::DecimalError>(())
    /// ```
    ///
    /// ```compile_fail,E0277
    /// # use trading::Price;
    /// fn squared(price: Price) -> impl Sized {
    ///     price * price
    /// }
    /// ```
    ///
    /// ```compile_fail,E0369
    /// # use trading::Quantity;
    /// fn squared(quantity: Quantity) -> impl Sized {
    ///     quantity * quantity
    /// }
    /// ```
    ///
    /// ```compile_fail,E0277
    /// # use trading::{Cents, Price};
    /// fn nonsense(price: Price, cash: Cents) -> impl Sized {
    ///     price * cash
    /// }
    /// ```
    Price, from_e4, e4, Kind {
        what: "price",
        example: "178.50",
        scale: 4,
        shown: 2,
        min: 1,
        max: 99_999_999_999_999,
    }
}

amount_type! {
    /// A number of shares, in units of 0.000001: 0 or more, less than 100,000,000.
    ///
    /// Written without trailing zeros (`10`, `0.5`), in JSON as a string; read from a JSON string or number. Stored as
    /// `bigint`. Zero is a quantity (nothing left, nothing filled), though no order may ask for it.
    Quantity, from_e6, e6, Kind {
        what: "quantity",
        example: "10",
        scale: 6,
        shown: 0,
        min: 0,
        max: 99_999_999_999_999,
    }
}

amount_type! {
    /// An amount of cash in cents, of either sign: less than 10^15 cents in magnitude.
    ///
    /// Written with two decimals (`10000.00`, `-0.05`), in JSON as a string; read from a JSON string or number. Stored as
    /// `bigint`.
    Cents, from_cents, cents, Kind {
        what: "cash amount",
        example: "10000.00",
        scale: 2,
        shown: 2,
        min: -999_999_999_999_999,
        max: 999_999_999_999_999,
    }
}

impl Quantity {
    /// No shares.
    pub const ZERO: Self = Self(0);
    /// The greatest quantity.
    pub const MAX: Self = Self(99_999_999_999_999);

    /// Whether there are no shares.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl Cents {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// Whether there is no money.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether more is owed than owned.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }
}

impl Default for Quantity {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Default for Cents {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Mul<Quantity> for Price {
    type Output = Notional;

    fn mul(self, quantity: Quantity) -> Notional {
        Notional::from_e10(i128::from(self.0) * i128::from(quantity.0))
    }
}
