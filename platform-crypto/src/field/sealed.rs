//! A sealed value.

use std::fmt::{self, Debug};
use std::marker::PhantomData;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::OpenError;
use super::header::Parts;
use crate::KeyId;

const TEXT_PREFIX: &str = "pc1.";

/// A sealed `T`: what is stored, and all there is to see without the keys.
///
/// It has no `Display` and no `Serialize`, and its `Debug` tells the key and the length. Equality is that of the stored bytes: the
/// same value sealed twice is two different `Sealed`.
///
/// A column that may be null is an `Option<Sealed<T>>`; an empty value is sealed like any other. With the feature `pg` it is a
/// `sqlx` column of type `bytea`.
///
/// # Format, version 1
///
/// | bytes | | |
/// |---|---|---|
/// | 0 | version | `0x01` |
/// | 1 | suite | `0x01`: AES-256-GCM; with `0x80` added, what was sealed is padded |
/// | 2..18 | key id | the first 16 bytes of SHA-256(HKDF(key, `platform-crypto/v1/key-id`)) |
/// | 18..30 | nonce | 12 random bytes |
/// | 30..n-16 | ciphertext | as long as what was sealed |
/// | n-16..n | tag | 16 bytes |
///
/// HKDF is HKDF-SHA256 (RFC 5869) of a data key of 32 bytes, without salt, with the info given, 32 bytes long. A *part* is a length
/// in two bytes, most significant first, and that many bytes. The names of tables and columns are UTF-8, a tenant and a row are the 16
/// bytes of their UUIDs.
///
/// - The key of the cipher is HKDF(key, `platform-crypto/v1` and the parts `field`, table, column).
/// - The associated data is `platform-crypto/v1` and the parts header (bytes 0..18), tenant, table, column, row.
/// - Padding is a byte `0x80`, then zeros up to the next multiple of 16, 64 or 256 bytes (ISO/IEC 7816-4).
///
/// A column that must stay text holds `pc1.` and the same bytes in base64url (RFC 4648, section 5) without padding.
///
/// Every release opens what any earlier one has sealed. The repository's `tests/python/open_v1.py` opens values with this
/// description alone.
pub struct Sealed<T> {
    bytes: Box<[u8]>,
    holds: PhantomData<fn() -> T>,
}

/// A text is not a sealed value in its text form: `pc1.` and base64url without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value as text starts with pc1. and goes on in base64url")]
pub struct NotSealedText;

impl<T> Sealed<T> {
    /// Takes stored bytes for a sealed value. They are looked at when it is opened, so that one bad row does not spoil a list.
    pub fn from_bytes(bytes: impl Into<Box<[u8]>>) -> Self {
        Self {
            bytes: bytes.into(),
            holds: PhantomData,
        }
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The key it was sealed under, as its header says: authentic only once it is opened.
    ///
    /// # Errors
    /// [`OpenError::UnknownVersion`], [`OpenError::UnknownSuite`] or [`OpenError::Truncated`] when the bytes are no sealed value
    /// that this release can read.
    pub fn key_id(&self) -> Result<KeyId, OpenError> {
        Parts::of(&self.bytes).map(|parts| parts.header.key)
    }

    /// The same bytes for a column that must stay text: `pc1.` and base64url.
    pub fn to_text(&self) -> String {
        let mut text = TEXT_PREFIX.to_owned();
        URL_SAFE_NO_PAD.encode_string(&self.bytes, &mut text);
        text
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// [`NotSealedText`] when it is not one; what it encodes is looked at when it is opened.
    pub fn from_text(text: &str) -> Result<Self, NotSealedText> {
        let encoded = text.strip_prefix(TEXT_PREFIX).ok_or(NotSealedText)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| NotSealedText)?;
        Ok(Self::from_bytes(bytes))
    }
}

impl<T> Clone for Sealed<T> {
    fn clone(&self) -> Self {
        Self::from_bytes(self.bytes.clone())
    }
}

impl<T> PartialEq for Sealed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<T> Eq for Sealed<T> {}

impl<T> Debug for Sealed<T> {
    /// `Sealed<String>(v1, key 3f2a.., 61 B)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = std::any::type_name::<T>();
        let generic = path.find('<').unwrap_or(path.len());
        let name = path[..generic].rfind("::").map_or(path, |at| &path[at + 2..]);
        let bytes = self.bytes.len();
        match self.key_id() {
            Ok(key) => {
                let [first, second, ..] = *key.as_bytes();
                write!(f, "Sealed<{name}>(v1, key {first:02x}{second:02x}.., {bytes} B)")
            }
            Err(_) => write!(f, "Sealed<{name}>(unreadable, {bytes} B)"),
        }
    }
}
