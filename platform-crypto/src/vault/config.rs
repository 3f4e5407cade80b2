//! Where Vault is and how it is asked.

use std::path::PathBuf;
use std::time::Duration;

use vaultrs::client::VaultClientSettings;

/// Where Vault is, how long to wait for it and how often to ask again.
///
/// Nothing is read from the environment, and no proxy is asked. `http://` is accepted for this machine alone, where an agent may listen, unless
/// [`VaultConfig::with_clear_text`] says otherwise.
///
/// ```
/// use platform_crypto::VaultConfig;
///
/// let config = VaultConfig::new("https://vault.internal:8200")?.with_ca_file("/etc/ssl/vault-ca.pem");
/// assert!(VaultConfig::new("http://vault.internal:8200").is_err());
/// # Ok::<(), platform_crypto::InvalidVaultConfig>(())
/// ```
#[derive(Debug, Clone)]
pub struct VaultConfig {
    pub(super) address: String,
    pub(super) namespace: Option<String>,
    pub(super) ca_files: Vec<PathBuf>,
    pub(super) timeout: Duration,
    pub(super) attempts: u32,
    pub(super) pause: Duration,
}

/// A configuration of Vault cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidVaultConfig {
    /// The address is not a URL of the form `https://host:port`, or has a user and a password, which errors would show.
    #[error("the address of Vault is not a URL such as https://vault.internal:8200")]
    Address,
    /// The address would send keys over a network in clear text.
    #[error("the address of Vault begins with http:// and is not this machine; use https://")]
    ClearText,
    /// A mount, a path or the name of a key holds characters that Vault's paths do not have, or none.
    #[error("{what} is not 1 to 256 of the characters a-z A-Z 0-9 . _ - and, within a path, /")]
    Name {
        /// Which name it is.
        what: &'static str,
    },
    /// The HTTP client cannot be made: a file of certificates is missing or not readable.
    #[error("the client of Vault cannot be made")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl VaultConfig {
    /// The Vault at this address: five seconds for each request, three attempts, 100 ms and more between them.
    ///
    /// # Errors
    /// [`InvalidVaultConfig::Address`] and [`InvalidVaultConfig::ClearText`].
    pub fn new(address: &str) -> Result<Self, InvalidVaultConfig> {
        let config = Self::with_clear_text(address)?;
        let on_this_machine = ["http://127.0.0.1", "http://localhost", "http://[::1]"]
            .into_iter()
            .filter_map(|prefix| address.strip_prefix(prefix))
            .any(|rest| rest.is_empty() || rest.starts_with([':', '/']));
        match address.starts_with("https://") || on_this_machine {
            true => Ok(config),
            false => Err(InvalidVaultConfig::ClearText),
        }
    }

    /// As [`VaultConfig::new`], also over `http://` to another machine: where something else encrypts that way.
    ///
    /// # Errors
    /// [`InvalidVaultConfig::Address`].
    pub fn with_clear_text(address: &str) -> Result<Self, InvalidVaultConfig> {
        let host = address
            .strip_prefix("https://")
            .or_else(|| address.strip_prefix("http://"));
        let visible = address.bytes().all(|byte| byte.is_ascii_graphic());
        if !visible || host.is_none_or(|host| host.is_empty() || host.contains('@')) {
            return Err(InvalidVaultConfig::Address);
        }
        let config = Self {
            address: address.trim_end_matches('/').to_owned(),
            namespace: None,
            ca_files: Vec::new(),
            timeout: Duration::from_secs(5),
            attempts: 3,
            pause: Duration::from_millis(100),
        };
        config.settings().map(|_| config)
    }

    /// Works in a namespace.
    #[must_use]
    pub fn with_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Trusts the certificates of a PEM file, besides those of the system.
    #[must_use]
    pub fn with_ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_files.push(path.into());
        self
    }

    /// Waits at most so long for the answer to one request.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Asks at most so many times, at least once, when Vault is unavailable, with a pause before each repetition that doubles from
    /// `pause` and is at most a second.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32, pause: Duration) -> Self {
        self.attempts = attempts.max(1);
        self.pause = pause;
        self
    }

    pub(super) fn settings(&self) -> Result<VaultClientSettings, InvalidVaultConfig> {
        Ok(VaultClientSettings {
            address: self.address.parse().map_err(|_| InvalidVaultConfig::Address)?,
            // The HTTP client is made here and has them.
            ca_certs: Vec::new(),
            identity: None,
            timeout: Some(self.timeout),
            token: String::new(),
            verify: true,
            version: 1,
            wrapping: false,
            namespace: self.namespace.clone(),
            proxy: None,
        })
    }
}

/// Checks a part of a path, which the client library puts into a URL as it is.
pub(super) fn checked(what: &'static str, name: &str) -> Result<String, InvalidVaultConfig> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    let segments = name.split('/').all(|segment| !matches!(segment, "" | "." | ".."));
    match segments && name.len() <= 256 && name.bytes().all(plain) {
        true => Ok(name.to_owned()),
        false => Err(InvalidVaultConfig::Name { what }),
    }
}
