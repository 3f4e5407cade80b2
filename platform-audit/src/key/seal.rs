//! What shows that a program, and not somebody with rights on the database, has recorded an event.

use std::fmt::{self, Debug, Display};
use std::str::FromStr;

use super::MacKey;
use crate::{Entry, EntryError};

const SEAL_BYTES: usize = 32;

/// HMAC-SHA256 over an event's canonical bytes without `recorded_at`, `xid` and the seal, under a key that the database does not have.
///
/// Its text is 64 hexadecimal digits in lower case.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seal([u8; SEAL_BYTES]);

/// Bytes or a text are not a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a seal has {SEAL_BYTES} bytes")]
pub struct NotASeal;

impl Seal {
    /// The seal that is stored as these bytes.
    pub const fn from_bytes(bytes: [u8; SEAL_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub const fn as_bytes(&self) -> &[u8; SEAL_BYTES] {
        &self.0
    }
}

impl TryFrom<&[u8]> for Seal {
    type Error = NotASeal;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self).map_err(|_| NotASeal)
    }
}

impl FromStr for Seal {
    type Err = NotASeal;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; SEAL_BYTES];
        if text.len() != 2 * SEAL_BYTES
            || !text
                .bytes()
                .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        {
            return Err(NotASeal);
        }
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            let digits = text.get(at..at + 2).ok_or(NotASeal)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| NotASeal)?;
        }
        Ok(Self(bytes))
    }
}

impl Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({self})")
    }
}

/// Seals events, and tells whether one was sealed with it or with an older key of the log.
#[derive(Debug, Clone)]
pub(crate) struct SealKey(MacKey);

impl SealKey {
    pub(super) const fn new(key: MacKey) -> Self {
        Self(key)
    }

    /// The seal of an event; whatever stands in `recorded_at`, `xid` and `seal` does not matter.
    pub(crate) fn seal(&self, entry: &Entry) -> Result<Seal, EntryError> {
        Ok(Seal(self.0.tag(&entry.to_sealed_bytes()?)))
    }

    /// Whether an event carries a seal of its own.
    pub(crate) fn verifies(&self, entry: &Entry) -> bool {
        match (&entry.seal, entry.to_sealed_bytes()) {
            (Some(seal), Ok(bytes)) => self.0.verifies(&bytes, &seal.0),
            _ => false,
        }
    }
}
