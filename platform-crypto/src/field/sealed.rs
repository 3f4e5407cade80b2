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
