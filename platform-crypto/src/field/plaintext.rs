//! What can be sealed.

use std::borrow::Cow;

use zeroize::{Zeroize, Zeroizing};

/// The longest value that is sealed: 16 MiB. What is larger is a document, to be encrypted in a stream.
pub const PLAINTEXT_BYTES_MAX: usize = 16 << 20;

/// A type that a column can hold sealed: it has bytes, comes back from them and can be overwritten in memory.
///
/// The bytes are part of the stored format: a type that changes them can no longer open what it has sealed.
///
/// ```
/// use std::borrow::Cow;
///
/// use platform_crypto::{NotPlaintext, Plaintext};
/// use zeroize::{Zeroize, Zeroizing};
///
/// struct LegalName(String);
///
/// impl Zeroize for LegalName {
///     fn zeroize(&mut self) {
///         self.0.zeroize();
///     }
/// }
///
/// impl Plaintext for LegalName {
///     fn to_plain(&self) -> Cow<'_, [u8]> {
///         Cow::Borrowed(self.0.as_bytes())
///     }
///
///     fn from_plain(bytes: Zeroizing<Vec<u8>>) -> Result<Self, NotPlaintext> {
///         String::from_plain(bytes).map(Self)
///     }
/// }
/// ```
pub trait Plaintext: Zeroize + Sized {
    /// The bytes to seal. Owned ones are overwritten after use.
    fn to_plain(&self) -> Cow<'_, [u8]>;

    /// The value of opened bytes. Take the buffer over rather than copying out of it.
    ///
    /// # Errors
    /// [`NotPlaintext`] when no value has these bytes.
    fn from_plain(bytes: Zeroizing<Vec<u8>>) -> Result<Self, NotPlaintext>;
}

/// Bytes are those of no value of the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not of this type")]
pub struct NotPlaintext;

impl Plaintext for String {
    fn to_plain(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.as_bytes())
    }

    fn from_plain(mut bytes: Zeroizing<Vec<u8>>) -> Result<Self, NotPlaintext> {
        Self::from_utf8(std::mem::take(&mut *bytes)).map_err(|error| {
            error.into_bytes().zeroize();
            NotPlaintext
        })
    }
}

impl Plaintext for Vec<u8> {
    fn to_plain(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self)
    }

    fn from_plain(mut bytes: Zeroizing<Vec<u8>>) -> Result<Self, NotPlaintext> {
        Ok(std::mem::take(&mut *bytes))
    }
}
