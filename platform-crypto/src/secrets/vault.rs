//! Secrets in Vault.

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::{SecretError, SecretName, SecretSource, SecretValue, SecretVersions};
use crate::{KvSecret, KvV2, VaultError};

/// Secrets in Vault's KV v2: `database-password` is the secret `<folder>/database-password`, its text the field `value`, and the
/// version before it Vault's.
#[derive(Debug, Clone)]
pub struct VaultSecrets {
    kv: KvV2,
    folder: String,
    field: String,
}

impl VaultSecrets {
    /// The secrets in a folder of a mount.
    pub fn new(kv: KvV2, folder: impl Into<String>) -> Self {
        Self {
            kv,
            folder: folder.into(),
            field: "value".to_owned(),
        }
    }

    /// The same with the text in another field, such as `password`.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>) -> Self {
        self.field = field.into();
        self
    }

    fn value(&self, name: &SecretName, secret: &KvSecret) -> Result<Option<SecretValue>, SecretError> {
        let Some(text) = secret.field(&self.field) else {
            return Ok(None);
        };
        let bytes = Zeroizing::new(text.expose().as_bytes().to_vec());
        match SecretValue::new(bytes, Some(secret.version().to_string())) {
            Ok(value) => Ok(Some(value)),
            Err(reason) => Err(SecretError::Unusable {
                name: name.clone(),
                reason,
            }),
        }
    }
}

#[async_trait]
impl SecretSource for VaultSecrets {
    async fn fetch(&self, name: &SecretName) -> Result<Option<SecretVersions>, SecretError> {
        let path = format!("{}/{name}", self.folder);
        let secret = self.kv.read(&path).await.map_err(|error| failed(name, error))?;
        let Some(secret) = secret else { return Ok(None) };
        let Some(current) = self.value(name, &secret)? else {
            return Ok(None);
        };
        let before = match secret.version().checked_sub(1) {
            None | Some(0) => None,
            Some(version) => self
                .kv
                .read_version(&path, version)
                .await
                .map_err(|error| failed(name, error))?,
        };
        // A version before that was no secret is no version before.
        let previous = before.and_then(|secret| self.value(name, &secret).ok().flatten());
        Ok(Some(SecretVersions::new(current).with_previous(previous)))
    }
}

fn failed(name: &SecretName, error: VaultError) -> SecretError {
    let name = name.clone();
    match error {
        error @ (VaultError::Denied(_) | VaultError::Refused(_) | VaultError::Name(_)) => {
            SecretError::Denied {
                name,
                source: error.into(),
            }
        }
        error => SecretError::Unavailable {
            name,
            source: error.into(),
        },
    }
}
