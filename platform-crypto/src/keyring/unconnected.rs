//! A keyring that has no keys.

use std::sync::Arc;

use async_trait::async_trait;
use platform_core::pg::Db;

use super::{Keyring, KeyringBuilder};
use crate::{DataKey, KeyProvider, ProviderError, RootKeyRef, WrapContext, WrappedKey};

/// A provider without root keys.
#[derive(Debug)]
struct NoRoot;

impl Keyring {
    /// A handle whose every operation fails: for composing modules where nothing is to be asked of them but their routes, such as
    /// printing the OpenAPI document. Goes with [`Db::unconnected`].
    pub fn unconnected(db: &Db) -> Self {
        KeyringBuilder::new(db, Arc::new(NoRoot)).unchecked()
    }
}

impl NoRoot {
    fn refuse<T>() -> Result<T, ProviderError> {
        Err(ProviderError::unavailable(
            "this keyring was made without a root key",
        ))
    }
}

#[async_trait]
impl KeyProvider for NoRoot {
    fn current(&self) -> RootKeyRef {
        "none:none"
            .parse()
            .expect("the reference is visible ASCII with a colon")
    }

    fn holds(&self, _: &RootKeyRef) -> bool {
        false
    }

    async fn wrap(&self, _: &WrapContext, _: &DataKey) -> Result<WrappedKey, ProviderError> {
        Self::refuse()
    }

    async fn unwrap(&self, _: &WrapContext, _: &WrappedKey) -> Result<DataKey, ProviderError> {
        Self::refuse()
    }

    async fn rewrap(&self, _: &WrapContext, _: &WrappedKey) -> Result<Option<WrappedKey>, ProviderError> {
        Self::refuse()
    }

    async fn health(&self) -> Result<(), ProviderError> {
        Self::refuse()
    }
}
