//! One mask for each kind of value.

mod account;
mod card;
mod digits;
mod email;
mod national;
mod phone;

use zeroize::Zeroize;

use crate::Secret;

pub use account::mask_iban;
pub use card::mask_card;
pub use email::mask_email;
pub use national::mask_ssn;
pub use phone::mask_phone;

#[cfg(feature = "redact")]
pub(crate) use account::{IBAN_CHARS_MAX, IBAN_CHARS_MIN, iban_holds};
#[cfg(feature = "redact")]
pub(crate) use card::luhn_holds;

/// Masks a value of any kind whole: `****`.
pub fn mask_generic(_value: &str) -> String {
    "****".to_owned()
}

/// A kind of value and how it is masked, for code that learns the kind from a declaration.
///
/// ```
/// use platform_crypto::Mask;
///
/// assert_eq!(Mask::Card.apply("4242 4242 4242 4242"), "**** **** **** 4242");
/// assert_eq!(Mask::Card.apply("").chars().count(), Mask::Card.width_chars());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mask {
    /// [`mask_email`].
    Email,
    /// [`mask_card`].
    Card,
    /// [`mask_phone`].
    Phone,
    /// [`mask_iban`].
    Iban,
    /// [`mask_ssn`].
    Ssn,
    /// [`mask_generic`]: nothing is shown.
    Whole,
}

impl Mask {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Email,
        Self::Card,
        Self::Phone,
        Self::Iban,
        Self::Ssn,
        Self::Whole,
    ];

    /// The value, masked.
    pub fn apply(self, value: &str) -> String {
        match self {
            Self::Email => mask_email(value),
            Self::Card => mask_card(value),
            Self::Phone => mask_phone(value),
            Self::Iban => mask_iban(value),
            Self::Ssn => mask_ssn(value),
            Self::Whole => mask_generic(value),
        }
    }

    /// How many characters every mask of this kind has, whatever the value.
    pub const fn width_chars(self) -> usize {
        match self {
            Self::Email => 13,
            Self::Card => 19,
            Self::Phone => 16,
            Self::Iban => 14,
            Self::Ssn => 11,
            Self::Whole => 4,
        }
    }
}

impl<T: Zeroize + AsRef<str>> Secret<T> {
    /// The value, masked: the one form of it for screens, logs and audit events.
    ///
    /// ```
    /// use platform_crypto::{Mask, Secret};
    ///
    /// let email = Secret::new(String::from("ada@example.com"));
    /// assert_eq!(email.masked(Mask::Email), "a***@e***.com");
    /// ```
    pub fn masked(&self, mask: Mask) -> String {
        mask.apply(self.expose().as_ref())
    }
}
