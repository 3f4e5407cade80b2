//! Root keys that this process holds itself.

use std::fmt;
use std::path::Path;

use async_trait::async_trait;
use platform_core::Sources;
use zeroize::Zeroizing;

use super::error::RootKeyError;
use super::root_key::RootKey;
use super::weak::{KEY_OF_TESTS, key_weakness};
use super::{KeyProvider, ProviderError, RootKeyRef, WrapContext, WrappedKey, key_file, key_text};
use crate::DataKey;

/// A rotation keeps a few old keys until everything is wrapped anew, not a history.
const KEYS_MAX: usize = 16;

/// Root keys from a key file, an environment variable or a secret store: the first wraps, every one unwraps.
///
/// To rotate, put a new key in front, start the service, have the keyring wrap everything anew, and take the old key away. Where
/// several processes run, give each of them the new key behind the old one first: the first to start with it in front wraps under it.
///
/// ```
/// use platform_core::Sources;
/// use platform_crypto::{KeyProvider as _, LocalRoot, new_key_text};
///
/// let sources = Sources::system();
/// let text = new_key_text(&sources);
/// let root = LocalRoot::from_text(&text, &sources)?;
/// assert_eq!(root.current().kind(), "key");
/// # Ok::<(), platform_crypto::RootKeyError>(())
/// ```
pub struct LocalRoot {
    current: RootKey,
    older: Vec<RootKey>,
    sources: Sources,
}

impl LocalRoot {
    /// Root keys of a text: one on each line, the newest first. Empty lines and lines that begin with `#` are skipped; a comma or space
    /// separates keys as well as a line end, which suits an environment variable.
    ///
    /// # Errors
    /// [`RootKeyError`] tells what is wrong with which line, without a character of it.
    pub fn from_text(text: &str, sources: &Sources) -> Result<Self, RootKeyError> {
        let mut keys: Vec<RootKey> = Vec::new();
        for (line, text) in written_keys(text) {
            let bytes = key_text::decode(text).map_err(|found| RootKeyError::Malformed { line, found })?;
            if let Some(weakness) = key_weakness(&bytes) {
                return Err(RootKeyError::Weak(weakness));
            }
            let key = RootKey::new("key", &bytes);
            if keys.iter().any(|other| other.name() == key.name()) {
                return Err(RootKeyError::Repeated { line });
            }
            if keys.len() == KEYS_MAX {
                return Err(RootKeyError::TooMany { max: KEYS_MAX });
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let current = keys.next().ok_or(RootKeyError::Empty)?;
        Ok(Self {
            current,
            older: keys.collect(),
            sources: sources.clone(),
        })
    }

    /// The root keys of a file, as of [`LocalRoot::from_text`]. The file must belong to its owner alone (mode 0600 or 0400).
    ///
    /// It reads the file at once and blocks for that long; a service does it when it starts.
    ///
    /// # Errors
    /// [`RootKeyError::File`] when there is none, [`RootKeyError::Exposed`] when others may read it, and those of the text.
    pub fn from_key_file(path: impl AsRef<Path>, sources: &Sources) -> Result<Self, RootKeyError> {
        Self::from_text(&key_file::read(path.as_ref())?, sources)
    }

    /// The root keys of a file, which is made with a new key (mode 0600, flushed to the disk) if there is none.
    ///
    /// For development and for the first start of a single machine. Elsewhere a missing file is a mistake in the configuration, and a
    /// new key would hide it until the keyring refuses it.
    ///
    /// # Errors
    /// As for [`LocalRoot::from_key_file`].
    pub fn from_key_file_or_new(path: impl AsRef<Path>, sources: &Sources) -> Result<Self, RootKeyError> {
        match key_file::create_key_file(path.as_ref(), sources) {
            Ok(()) | Err(RootKeyError::Exists { .. }) => Self::from_key_file(path, sources),
            Err(error) => Err(error),
        }
    }

    /// A root key that ends with this value: for tests, where what it wraps need not outlive it.
    pub fn ephemeral(sources: &Sources) -> Self {
        Self {
            current: RootKey::new("key", &Zeroizing::new(sources.bytes())),
            older: Vec::new(),
            sources: sources.clone(),
        }
    }

    /// The root key that stands in the source of this crate: for tests and databases whose content everybody may read.
    ///
    /// No text and no file can name it; [`LocalRoot::from_text`] refuses it.
    pub fn insecure_for_tests(sources: &Sources) -> Self {
        Self {
            current: RootKey::new("key", &Zeroizing::new(KEY_OF_TESTS)),
            older: Vec::new(),
            sources: sources.clone(),
        }
    }

    fn key(&self, root: &RootKeyRef) -> Option<&RootKey> {
        std::iter::once(&self.current)
            .chain(&self.older)
            .find(|key| key.name() == root)
    }
}

#[async_trait]
impl KeyProvider for LocalRoot {
    fn current(&self) -> RootKeyRef {
        self.current.name().clone()
    }

    fn holds(&self, root: &RootKeyRef) -> bool {
        self.key(root).is_some()
    }

    async fn wrap(&self, context: &WrapContext, key: &DataKey) -> Result<WrappedKey, ProviderError> {
        self.current.wrap(context, key, &self.sources)
    }

    async fn unwrap(&self, context: &WrapContext, wrapped: &WrappedKey) -> Result<DataKey, ProviderError> {
        let root = self.key(&wrapped.root);
        root.ok_or_else(|| ProviderError::UnknownRoot(wrapped.root.clone()))?
            .unwrap(context, &wrapped.bytes)
    }

    async fn rewrap(
        &self,
        context: &WrapContext,
        wrapped: &WrappedKey,
    ) -> Result<Option<WrappedKey>, ProviderError> {
        if wrapped.root == *self.current.name() {
            return Ok(None);
        }
        let key = self.unwrap(context, wrapped).await?;
        self.wrap(context, &key).await.map(Some)
    }

    async fn health(&self) -> Result<(), ProviderError> {
        Ok(())
    }
}

impl fmt::Debug for LocalRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let older: Vec<&str> = self.older.iter().map(|key| key.name().as_str()).collect();
        f.debug_struct("LocalRoot")
            .field("current", &self.current.name().as_str())
            .field("older", &older)
            .finish_non_exhaustive()
    }
}

/// The keys of a text with their lines, counted from 1.
fn written_keys(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text
        .lines()
        .zip(1_usize..)
        .filter(|(line, _)| !line.trim_start().starts_with('#'));
    lines.flat_map(|(line, at)| {
        let keys = line.split(|char: char| char == ',' || char.is_whitespace());
        keys.filter(|key| !key.is_empty()).map(move |key| (at, key))
    })
}
