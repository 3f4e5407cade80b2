//! A value that is shown to nobody by accident.

use std::fmt::{self, Debug};

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A value in memory that no log, error or response gets by accident, and that is overwritten when it is dropped.
///
/// It has no `Display`, `Serialize`, `PartialEq` or `Clone`, and its `Debug` shows no content: the only way to the value is
/// [`expose`](Self::expose), which a search of the code finds. A value that lives on the heap (`String`, `Vec<u8>`, `Box`) is
/// overwritten where it lies; one stored inline may leave a copy behind when it is moved, so keep such values boxed.
///
/// ```
/// use platform_crypto::Secret;
///
/// let token = Secret::new(String::from("s3cr3t"));
/// assert_eq!(format!("{token:?}"), "Secret(..)");
/// assert_eq!(token.expose(), "s3cr3t");
/// assert!(token.ct_eq(b"s3cr3t"));
/// ```
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes charge of a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself: keep it no longer than needed, and never format it.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + AsRef<[u8]>> Secret<T> {
    /// Whether the value equals `other`, in a time that depends on the two lengths alone.
    pub fn ct_eq(&self, other: impl AsRef<[u8]>) -> bool {
        self.0.as_ref().ct_eq(other.as_ref()).into()
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> zeroize::ZeroizeOnDrop for Secret<T> {}

impl<T: Zeroize> Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
