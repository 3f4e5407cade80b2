//! What secrets are called.

use std::fmt;
use std::str::FromStr;

/// The name of a secret: 1 to 100 lower-case letters, digits and single `-`, `_` or `.` between them.
///
/// So it is a file's name, and nothing but one; in an environment it is written in capitals.
///
/// ```
/// use platform_crypto::SecretName;
///
/// let name: SecretName = "database-password".parse()?;
/// assert_eq!(name.as_str(), "database-password");
/// assert!("../etc/passwd".parse::<SecretName>().is_err());
/// # Ok::<(), platform_crypto::InvalidSecretName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretName(String);

/// A text is not a secret's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret's name is 1 to 100 lower-case letters, digits and single -, _ or . between them")]
pub struct InvalidSecretName;

const CHARS_MAX: usize = 100;

impl SecretName {
    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretName {
    type Err = InvalidSecretName;

    fn from_str(text: &str) -> Result<Self, InvalidSecretName> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let parts_hold = text
            .split(['-', '_', '.'])
            .all(|part| !part.is_empty() && part.bytes().all(allowed));
        match parts_hold && text.len() <= CHARS_MAX {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidSecretName),
        }
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
