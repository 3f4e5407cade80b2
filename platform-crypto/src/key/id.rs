//! What a key is called.

use std::fmt::{self, Debug, Display};
use std::str::FromStr;

/// The name of a data key, computed from the key itself.
///
/// It is the first 16 bytes of SHA-256 over HKDF-SHA256 of the key with the info `platform-crypto/v1/key-id`. So it commits to the
/// key: whoever finds a key under this id can check that it is the one that was meant, and another key for the same id costs 2^128
/// attempts (two keys that share an id by design: 2^64). It is not secret.
///
/// ```
/// use platform_crypto::KeyId;
///
/// let id: KeyId = "3f2a91c05d0e47b2a6c81f0e9b7d2c44".parse()?;
/// assert_eq!(id.to_string(), "3f2a91c05d0e47b2a6c81f0e9b7d2c44");
/// # Ok::<(), platform_crypto::ParseKeyIdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 16]);

/// A key id did not have the form of 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key id is 16 bytes, written as 32 lower-case hexadecimal digits")]
pub struct ParseKeyIdError;

impl KeyId {
    /// The id of these bytes, as they stand in a header or in a table.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, as they stand in a header or in a table.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl TryFrom<&[u8]> for KeyId {
    type Error = ParseKeyIdError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self).map_err(|_| ParseKeyIdError)
    }
}

impl FromStr for KeyId {
    type Err = ParseKeyIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return Err(ParseKeyIdError);
        }
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

impl Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

fn digit(digit: u8) -> Result<u8, ParseKeyIdError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(ParseKeyIdError),
    }
}
