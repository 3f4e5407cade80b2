//! Passwords before they are hashed.

mod breached;
mod policy;

use platform_core::secrecy::{ExposeSecret, SecretString};

pub use self::breached::{BreachedPasswords, InvalidBreachedList};
pub(crate) use self::policy::{About, Policy};

/// The longest password, in bytes: enough for any passphrase, and a bound on the work that a stranger can ask for.
const PASSWORD_BYTES_MAX: usize = 1024;

/// Not even a configuration goes below this; see [`PasswordConfig::chars_min`](crate::PasswordConfig::chars_min).
const PASSWORD_CHARS_FLOOR: usize = 8;

/// A password that somebody wants to have, of a length that is taken. Its bytes are hashed as they were sent; `Debug` prints nothing of it.
#[derive(Debug, Clone)]
pub(crate) struct ProposedPassword(SecretString);

/// A password that a user may set: the [`Policy`] has nothing against it, and nothing else makes one. There are no rules on kinds of
/// characters, which make people choose worse ones.
#[derive(Debug, Clone)]
pub(crate) struct NewPassword(SecretString);

/// A password that may be tried: of a length that a stored one can have.
#[derive(Debug, Clone)]
pub(crate) struct TriedPassword(SecretString);

/// Why a password cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPassword {
    /// It has fewer characters than the configuration asks for.
    #[error("a password has at least {chars_min} characters")]
    TooShort {
        /// The fewest characters that are taken.
        chars_min: usize,
    },
    /// It has more than 1,024 bytes.
    #[error("a password has at most {PASSWORD_BYTES_MAX} bytes")]
    TooLong,
    /// It takes too few guesses: it is a common one, or made of common words, dates, rows of keys, or the user's own name or address.
    #[error("the password is too easy to guess, take a longer one of words that do not belong together")]
    Guessable,
    /// It stands in the configured list of passwords that were stolen elsewhere.
    #[error("the password is known from a theft elsewhere, take another one")]
    Breached,
}

impl InvalidPassword {
    /// The stable code of a problem.
    #[cfg(feature = "http")]
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::TooShort { .. } | Self::TooLong => "invalid_password",
            Self::Guessable => "guessable_password",
            Self::Breached => "breached_password",
        }
    }
}

impl ProposedPassword {
    pub(crate) fn new(password: SecretString, chars_min: usize) -> Result<Self, InvalidPassword> {
        let text = password.expose_secret();
        if text.len() > PASSWORD_BYTES_MAX {
            return Err(InvalidPassword::TooLong);
        }
        let chars_min = chars_min.clamp(PASSWORD_CHARS_FLOOR, PASSWORD_BYTES_MAX / 4);
        if text.chars().count() < chars_min {
            return Err(InvalidPassword::TooShort { chars_min });
        }
        Ok(Self(password))
    }

    fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl NewPassword {
    pub(crate) fn expose(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }

    /// As if the policy had been asked.
    #[cfg(test)]
    pub(crate) fn unchecked(text: &str) -> Self {
        Self(text.into())
    }
}

impl TriedPassword {
    /// `None` for a password that no user can have, which needs no hashing to be refused: its length says so, and says it
    /// of every account alike.
    pub(crate) fn new(password: SecretString) -> Option<Self> {
        let possible = (1..=PASSWORD_BYTES_MAX).contains(&password.expose_secret().len());
        possible.then_some(Self(password))
    }

    pub(crate) fn expose(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str, chars_min: usize) -> Result<(), InvalidPassword> {
        ProposedPassword::new(text.into(), chars_min).map(drop)
    }

    #[test]
    fn length_is_counted_in_characters_from_below_and_in_bytes_from_above() {
        assert_eq!(
            checked("1234567", 8),
            Err(InvalidPassword::TooShort { chars_min: 8 })
        );
        assert_eq!(checked("1234567é", 8), Ok(()));
        assert_eq!(
            checked("密码密码密码密", 8),
            Err(InvalidPassword::TooShort { chars_min: 8 })
        );
        assert_eq!(checked("密码密码密码密码", 8), Ok(()));
        assert_eq!(checked(&"a".repeat(1024), 8), Ok(()));
        assert_eq!(checked(&"a".repeat(1025), 8), Err(InvalidPassword::TooLong));
    }

    #[test]
    fn a_configuration_cannot_go_below_the_floor() {
        assert_eq!(
            checked("1234567", 0),
            Err(InvalidPassword::TooShort { chars_min: 8 })
        );
        assert_eq!(
            checked("12345678901234", 15),
            Err(InvalidPassword::TooShort { chars_min: 15 })
        );
    }

    #[test]
    fn debugging_a_password_prints_nothing_of_it() {
        let password = NewPassword::unchecked("correct horse");

        assert!(!format!("{password:?}").contains("horse"));
    }
}
