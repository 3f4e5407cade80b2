//! What a secret is, and was.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::error::Unusable;
use crate::Secret;

/// A secret's text in one version: 1 byte to 64 KiB of UTF-8 without NUL. Its `Debug` shows the version alone.
pub struct SecretValue {
    text: Secret<String>,
    version: Option<String>,
}

impl SecretValue {
    /// The longest text.
    pub const BYTES_MAX: usize = 64 * 1024;

    /// A value from these bytes, which are overwritten.
    ///
    /// # Errors
    /// [`Unusable`] when it is empty, too long or no text.
    pub fn new(bytes: Zeroizing<Vec<u8>>, version: Option<String>) -> Result<Self, Unusable> {
        if bytes.is_empty() {
            return Err(Unusable::Empty);
        }
        if bytes.len() > Self::BYTES_MAX {
            return Err(Unusable::TooLong);
        }
        let text = match std::str::from_utf8(&bytes) {
            Ok(text) if !text.contains('\0') => text.to_owned(),
            _ => return Err(Unusable::NotText),
        };
        Ok(Self {
            text: Secret::new(text),
            version,
        })
    }

    /// The text.
    pub fn text(&self) -> &Secret<String> {
        &self.text
    }

    /// What the source calls this version; not secret. `None` where the source counts none.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Is it the same text?
    pub(super) fn is(&self, other: &Self) -> bool {
        self.text.ct_eq(other.text.expose())
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretValue")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// A secret in its current version and, while it is being rotated, the one before. Cheap to clone.
///
/// Use the current one for what is made, accept both in what is checked.
#[derive(Debug, Clone)]
pub struct SecretVersions {
    /// The newest version.
    pub current: Arc<SecretValue>,
    /// The version before it, as long as the two overlap.
    pub previous: Option<Arc<SecretValue>>,
}

impl SecretVersions {
    /// A secret in one version.
    pub fn new(current: SecretValue) -> Self {
        Self {
            current: Arc::new(current),
            previous: None,
        }
    }

    /// The same with the version before it, unless the text is the same.
    #[must_use]
    pub fn with_previous(mut self, previous: Option<SecretValue>) -> Self {
        self.previous = previous
            .filter(|previous| !previous.is(&self.current))
            .map(Arc::new);
        self
    }
}
