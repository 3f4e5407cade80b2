//! The contract of a provider of root keys.

use std::fmt::Debug;

use async_trait::async_trait;

use super::{ProviderError, RootKeyRef, WrapContext, WrappedKey};
use crate::DataKey;

/// Keeps root keys and wraps data keys with them.
///
/// A provider is asked when a key is made, loaded or moved to another root key, never when a field is sealed or opened. Its calls may go
/// over the network; each has a limit of its own.
///
/// Wrapping binds the key to its [`WrapContext`]: a wrapped key that was moved to another tenant, purpose or key id does not unwrap, and
/// what unwraps has the id that the context names.
#[async_trait]
pub trait KeyProvider: Debug + Send + Sync + 'static {
    /// The root key that wraps from now on.
    fn current(&self) -> RootKeyRef;

    /// Can this provider unwrap what that root key wrapped?
    fn holds(&self, root: &RootKeyRef) -> bool;

    /// Makes the provider ready for a database that remembers these root keys, newest first, without those that are retired, and answers
    /// what the database should remember of the current one.
    ///
    /// The keyring calls it before anything else, and again when another process has stored its record first, so it may be called any
    /// number of times.
    ///
    /// # Errors
    /// [`ProviderError::UnknownRoot`] when one of the remembered keys is not held: the service was started with the wrong key and must
    /// not begin to seal under a second one. [`ProviderError::Unavailable`] and [`ProviderError::Denied`] as everywhere.
    async fn prepare(&self, known: &[RootKeyRecord]) -> Result<RootKeyRecord, ProviderError> {
        match known.iter().find(|record| !self.holds(&record.root)) {
            Some(missing) => Err(ProviderError::UnknownRoot(missing.root.clone())),
            None => Ok(RootKeyRecord::new(self.current())),
        }
    }

    /// Wraps a data key under the current root key.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] (ask again later) and [`ProviderError::Denied`] (an operator has to act).
    async fn wrap(&self, context: &WrapContext, key: &DataKey) -> Result<WrappedKey, ProviderError>;

    /// Unwraps a data key and checks that it is the one the context names.
    ///
    /// # Errors
    /// [`ProviderError::Refused`] when it is another or was damaged, [`ProviderError::UnknownRoot`] when its root key is not held; the
    /// others as for [`KeyProvider::wrap`].
    async fn unwrap(&self, context: &WrapContext, wrapped: &WrappedKey) -> Result<DataKey, ProviderError>;

    /// Wraps the same data key under the current root key, or answers `None` when it already is.
    ///
    /// # Errors
    /// As for [`KeyProvider::unwrap`].
    async fn rewrap(
        &self,
        context: &WrapContext,
        wrapped: &WrappedKey,
    ) -> Result<Option<WrappedKey>, ProviderError>;

    /// Would a call work now?
    ///
    /// # Errors
    /// What a call would answer.
    async fn health(&self) -> Result<(), ProviderError>;
}

/// What a database remembers of a root key, so that a service with another one is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootKeyRecord {
    /// The root key.
    pub root: RootKeyRef,
    /// How a passphrase becomes this key and how to recognise the right passphrase: a string of the PHC form
    /// `$pbkdf2-sha256$i=600000,l=32$<salt>$<check>`. The check commits to the key and does not contain it.
    pub phc: Option<String>,
}

impl RootKeyRecord {
    /// A root key of which nothing but its reference is to be remembered.
    pub fn new(root: RootKeyRef) -> Self {
        Self { root, phc: None }
    }
}
