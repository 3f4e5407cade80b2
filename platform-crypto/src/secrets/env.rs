//! Secrets in the environment.

use std::collections::HashMap;
use std::fmt;

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::{SecretError, SecretName, SecretSource, SecretValue, SecretVersions};
use crate::Secret;

/// Secrets in environment variables, which the application hands over: `database-password` is the variable
/// `<prefix>DATABASE_PASSWORD`, the version before it `<prefix>DATABASE_PASSWORD_PREVIOUS`.
///
/// The environment of a process does not change and is visible to whoever may look into the process; prefer files.
///
/// ```
/// use platform_crypto::{EnvSecrets, SecretSource};
///
/// let source = EnvSecrets::new("APP_SECRET_", std::env::vars());
/// # let _: &dyn SecretSource = &source;
/// ```
pub struct EnvSecrets {
    prefix: String,
    variables: HashMap<String, Secret<String>>,
}

impl EnvSecrets {
    /// The variables whose names begin with `prefix`; of the others nothing is kept.
    pub fn new(prefix: &str, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let variables = variables
            .into_iter()
            .map(|(name, value)| (name, Secret::new(value)))
            .filter(|(name, _)| name.starts_with(prefix))
            .collect();
        Self {
            prefix: prefix.to_owned(),
            variables,
        }
    }

    fn value(&self, name: &SecretName, ending: &str) -> Result<Option<SecretValue>, SecretError> {
        let capitals = name.as_str().to_ascii_uppercase().replace(['-', '.'], "_");
        let Some(text) = self.variables.get(&format!("{}{capitals}{ending}", self.prefix)) else {
            return Ok(None);
        };
        let bytes = Zeroizing::new(text.expose().as_bytes().to_vec());
        match SecretValue::new(bytes, None) {
            Ok(value) => Ok(Some(value)),
            Err(reason) => Err(SecretError::Unusable {
                name: name.clone(),
                reason,
            }),
        }
    }
}

#[async_trait]
impl SecretSource for EnvSecrets {
    async fn fetch(&self, name: &SecretName) -> Result<Option<SecretVersions>, SecretError> {
        let Some(current) = self.value(name, "")? else {
            return Ok(None);
        };
        let previous = self.value(name, "_PREVIOUS")?;
        Ok(Some(SecretVersions::new(current).with_previous(previous)))
    }
}

impl fmt::Debug for EnvSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvSecrets")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
