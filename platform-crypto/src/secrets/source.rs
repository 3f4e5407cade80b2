//! Where secrets are kept.

use std::fmt::Debug;

use async_trait::async_trait;

use super::{SecretError, SecretName, SecretVersions};

/// Where secrets are kept: [`EnvSecrets`](super::EnvSecrets), [`FileSecrets`](super::FileSecrets), `VaultSecrets`, or an
/// application's own.
#[async_trait]
pub trait SecretSource: Debug + Send + Sync + 'static {
    /// The secret as it is kept now, with the version before it where that is kept too; `None` where there is none.
    ///
    /// # Errors
    /// [`SecretError`], which says nothing of any value.
    async fn fetch(&self, name: &SecretName) -> Result<Option<SecretVersions>, SecretError>;
}
