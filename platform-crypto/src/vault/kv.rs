//! Versioned secrets: KV v2.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use vaultrs::api::kv2::requests::{ReadSecretRequest, SetSecretRequest, SetSecretRequestOptions};
use vaultrs::api::kv2::responses::ReadSecretResponse;
use vaultrs::error::ClientError;
use vaultrs::{api, kv2};

use super::client::{Repeat, Vault};
use super::config::checked;
use super::error::{VaultError, status};
use crate::Secret;

/// The KV v2 secrets under one mount.
///
/// A secret is a map of names to texts, with a version that counts from 1. Vault keeps the last versions (ten, unless it is told
/// otherwise) until they are destroyed.
#[derive(Debug, Clone)]
pub struct KvV2 {
    vault: Arc<Vault>,
    mount: String,
}

/// One version of a secret.
pub struct KvSecret {
    version: u64,
    fields: BTreeMap<String, Secret<String>>,
}

/// What a secret must be before a write: nothing is overwritten that the writer has not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// There is no secret of this path yet.
    Absent,
    /// This is its latest version.
    Version(u64),
    /// Whatever it is.
    Anything,
}

/// Which versions of a secret there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvMetadata {
    /// The latest version, whether its value is still there or not.
    pub current_version: u64,
    /// The versions Vault still knows, the oldest first.
    pub versions: Vec<KvVersion>,
}

/// What has become of one version of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvVersion {
    /// Its number, from 1.
    pub version: u64,
    /// Hidden, and can be brought back.
    pub deleted: bool,
    /// Its value is gone for good.
    pub destroyed: bool,
}

impl KvSecret {
    /// Its version, from 1.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The text of this name. A number or another JSON value under it is its JSON text.
    pub fn field(&self, name: &str) -> Option<&Secret<String>> {
        self.fields.get(name)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str)
    }

    /// The texts by their names.
    pub fn into_fields(self) -> BTreeMap<String, Secret<String>> {
        self.fields
    }
}

impl KvV2 {
    pub(super) fn new(vault: Arc<Vault>, mount: String) -> Self {
        Self { vault, mount }
    }

    /// The latest version of a secret; `None` where there is none, or its value was deleted or destroyed.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`], [`VaultError::Denied`], and [`VaultError::Name`] for a path that cannot be.
    pub async fn read(&self, path: &str) -> Result<Option<KvSecret>, VaultError> {
        self.read_at(path, None).await
    }

    /// This version of a secret; `None` where there is none, or its value was deleted or destroyed.
    ///
    /// # Errors
    /// As for [`KvV2::read`].
    pub async fn read_version(&self, path: &str, version: u64) -> Result<Option<KvSecret>, VaultError> {
        self.read_at(path, Some(version)).await
    }

    /// Writes a secret and answers its new version.
    ///
    /// A write is sent once: after [`VaultError::Unavailable`] it may have happened or not, and the caller reads to find out.
    ///
    /// # Errors
    /// [`VaultError::Conflict`] when the secret is not what was expected; the others as for [`KvV2::read`].
    pub async fn write(
        &self,
        path: &str,
        fields: &BTreeMap<String, Secret<String>>,
        expected: Expected,
    ) -> Result<u64, VaultError> {
        let path = checked("the path of a secret", path)?;
        let options = match expected {
            Expected::Anything => None,
            Expected::Absent => Some(0),
            Expected::Version(version) => Some(u32::try_from(version).map_err(|_| VaultError::Conflict)?),
        };
        let options = options.map(|cas| SetSecretRequestOptions { cas });
        let texts = fields
            .iter()
            .map(|(name, text)| (name.clone(), Value::String(text.expose().clone())));
        let data = Value::Object(texts.collect());
        let answer = self.vault.call(Repeat::Never, |session| {
            let request = SetSecretRequest {
                mount: self.mount.clone(),
                path: path.clone(),
                data: data.clone(),
                options: options.clone(),
            };
            async move { api::exec_with_result(&*session, request).await }
        });
        answer.await.map(|metadata| metadata.version)
    }

    /// Takes the values of these versions away for good. Versions that are gone already are no error.
    ///
    /// # Errors
    /// As for [`KvV2::read`].
    pub async fn destroy(&self, path: &str, versions: &[u64]) -> Result<(), VaultError> {
        let path = &checked("the path of a secret", path)?;
        let answer = self.vault.call(Repeat::Harmless, |session| async move {
            or_absent(kv2::destroy_versions(&*session, &self.mount, path, versions.to_vec()).await)
        });
        answer.await.map(|_| ())
    }

    /// Takes a secret with all its versions away for good.
    ///
    /// # Errors
    /// As for [`KvV2::read`].
    pub async fn remove(&self, path: &str) -> Result<(), VaultError> {
        let path = &checked("the path of a secret", path)?;
        let answer = self.vault.call(Repeat::Harmless, |session| async move {
            or_absent(kv2::delete_metadata(&*session, &self.mount, path).await)
        });
        answer.await.map(|_| ())
    }

    /// The versions of a secret; `None` where there never was one.
    ///
    /// # Errors
    /// As for [`KvV2::read`].
    pub async fn metadata(&self, path: &str) -> Result<Option<KvMetadata>, VaultError> {
        let path = &checked("the path of a secret", path)?;
        let answer = self.vault.call(Repeat::Harmless, |session| async move {
            or_absent(kv2::read_metadata(&*session, &self.mount, path).await)
        });
        let Some(answer) = answer.await? else {
            return Ok(None);
        };
        let mut versions = Vec::with_capacity(answer.versions.len());
        for (number, version) in &answer.versions {
            versions.push(KvVersion {
                version: number
                    .parse()
                    .map_err(|_| VaultError::malformed("a version is not a number"))?,
                deleted: !version.deletion_time.is_empty(),
                destroyed: version.destroyed,
            });
        }
        versions.sort_unstable_by_key(|version| version.version);
        Ok(Some(KvMetadata {
            current_version: answer.current_version,
            versions,
        }))
    }

    async fn read_at(&self, path: &str, version: Option<u64>) -> Result<Option<KvSecret>, VaultError> {
        let path = checked("the path of a secret", path)?;
        let answer = self.vault.call(Repeat::Harmless, |session| {
            let request = ReadSecretRequest {
                mount: self.mount.clone(),
                path: path.clone(),
                version,
            };
            async move { or_absent(api::exec_with_result(&*session, request).await) }
        });
        answer.await?.map(KvSecret::try_from).transpose()
    }
}

impl TryFrom<ReadSecretResponse> for KvSecret {
    type Error = VaultError;

    fn try_from(answer: ReadSecretResponse) -> Result<Self, VaultError> {
        let Value::Object(values) = answer.data else {
            return Err(VaultError::malformed("a secret is not a map"));
        };
        let texts = values.into_iter().map(|(name, value)| match value {
            Value::String(text) => (name, Secret::new(text)),
            other => (name, Secret::new(other.to_string())),
        });
        Ok(Self {
            version: answer.metadata.version,
            fields: texts.collect(),
        })
    }
}

impl fmt::Debug for KvSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.names().collect();
        f.debug_struct("KvSecret")
            .field("version", &self.version)
            .field("names", &names)
            .finish_non_exhaustive()
    }
}

/// Vault answers 404 where there is nothing, also with the metadata of what was destroyed.
fn or_absent<T>(answer: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match answer {
        Err(error) if status(&error) == Some(404) => Ok(None),
        answer => answer.map(Some),
    }
}
