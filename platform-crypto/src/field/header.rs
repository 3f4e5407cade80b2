//! The layout of a sealed value.

use super::OpenError;
use crate::KeyId;

pub(super) const VERSION_1: u8 = 0x01;
pub(super) const AES_256_GCM: u8 = 0x01;
/// A bit of the suite: the plaintext was padded.
pub(super) const PADDED: u8 = 0x80;

pub(super) const HEADER_BYTES: usize = 18;
pub(super) const NONCE_BYTES: usize = 12;
pub(super) const TAG_BYTES: usize = 16;

/// How many bytes a sealed value is longer than what was sealed (before padding).
pub const OVERHEAD_BYTES: usize = HEADER_BYTES + NONCE_BYTES + TAG_BYTES;

/// The first 18 bytes of a sealed value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) padded: bool,
    pub(super) key: KeyId,
}

/// A sealed value, taken apart.
pub(super) struct Parts<'a> {
    pub(super) header: Header,
    pub(super) nonce: &'a [u8; NONCE_BYTES],
    pub(super) ciphertext: &'a [u8],
    pub(super) tag: &'a [u8; TAG_BYTES],
}

impl Header {
    pub(super) fn suite(self) -> u8 {
        if self.padded {
            AES_256_GCM | PADDED
        } else {
            AES_256_GCM
        }
    }

    pub(super) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0] = VERSION_1;
        bytes[1] = self.suite();
        bytes[2..].copy_from_slice(self.key.as_bytes());
        bytes
    }
}

impl<'a> Parts<'a> {
    /// Takes a sealed value apart; what is not of version 1 is refused before its length is looked at.
    pub(super) fn of(bytes: &'a [u8]) -> Result<Self, OpenError> {
        let (&version, rest) = bytes.split_first().ok_or(OpenError::Truncated)?;
        if version != VERSION_1 {
            return Err(OpenError::UnknownVersion(version));
        }
        let (&suite, rest) = rest.split_first().ok_or(OpenError::Truncated)?;
        if suite & !PADDED != AES_256_GCM {
            return Err(OpenError::UnknownSuite(suite));
        }
        let (key, rest) = rest.split_first_chunk().ok_or(OpenError::Truncated)?;
        let (nonce, rest) = rest.split_first_chunk().ok_or(OpenError::Truncated)?;
        let (ciphertext, tag) = rest.split_last_chunk().ok_or(OpenError::Truncated)?;
        let header = Header {
            padded: suite & PADDED != 0,
            key: KeyId::from_bytes(*key),
        };
        Ok(Self {
            header,
            nonce,
            ciphertext,
            tag,
        })
    }
}
