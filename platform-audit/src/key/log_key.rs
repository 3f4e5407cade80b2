//! The key of the log.

use std::fmt::{self, Debug};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use platform_core::{Sources, TenantId};
use platform_crypto::Secret;

use super::{DerivedKey, MacKey, SealKey, file};
use crate::{KeyName, NoteSigner, SignerKeyError, VerifierKey, Verifiers};

/// The most keys that one text holds.
const KEYS_MAX: usize = 16;

/// What leaves room in the name of a log for `/audit/` and a tenant.
const HOST_BYTES_MAX: usize = 200;

const SEAL_LABEL: &[u8] = b"platform-audit/v1/seal";
const MARK_LABEL: &[u8] = b"platform-audit/v1/mark";
const SPOOL_LABEL: &[u8] = b"platform-audit/v1/spool";

/// The key with which a service signs the trails of all its tenants. Cheap to clone.
///
/// Whoever has it can make trails that verify, and whoever can write the database must not have it. The log of a tenant is called
/// `<host>/audit/<tenant>` and signed under that name, so that a checkpoint of one tenant is none of another. From it come further
/// keys, each for one use (HKDF-SHA256, its own info): that of the seals of events, of the marks outside the database, of the spool.
///
/// # Text
///
/// A key is a line `PRIVATE+KEY+<host>+<id>+<base64>`, as the tools of C2SP signed notes read it. The first line is the key in use;
/// lines below it are keys that were replaced, so that what was sealed or spooled under them is still known. Lines that begin with
/// `#` and empty ones say nothing.
///
/// # Keys that were replaced
///
/// Such a key cannot be dropped as long as anything is kept that was made under it, and of a trail something always is: the newest
/// checkpoint of a tenant that has recorded nothing since, without which its tree is [refused](crate::Refusal::UnknownKey); the seals of
/// all events that were recorded under it, which are codes made with the private half, so that a public one does not do for them; the
/// manifests of exports and archives; and what is in the marks and the spool. Its line only verifies and opens, nothing is signed or
/// sealed with it any more. Sixteen lines are fifteen replacements. A key that somebody may have stolen is replaced too and its line
/// stays; what it was used for since then cannot be told from what was made before, so compare with what was published until that day.
///
/// ```
/// use platform_audit::LogKey;
/// use platform_core::{Sources, TenantId};
///
/// let sources = Sources::system();
/// let key = LogKey::generate("audit.example.com", &sources)?;
/// let tenant: TenantId = "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12".parse()?;
/// assert_eq!(key.origin(tenant).as_str(), "audit.example.com/audit/018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12");
/// assert_eq!(key.signer(tenant).verifier_key(), key.verifier(tenant));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LogKey(Arc<Inner>);

struct Inner {
    current: NoteSigner,
    older: Vec<NoteSigner>,
}

/// The key of the log is not to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogKeyError {
    /// A line of the text is not a key.
    #[error("a line is not a key of the log")]
    Malformed(#[from] SignerKeyError),
    /// The text holds no key.
    #[error("there is no key")]
    Empty,
    /// The text holds more than 16 keys.
    #[error("there are more than {KEYS_MAX} keys")]
    TooMany,
    /// The host cannot be part of the name of a log: it is empty, longer than 200 bytes, or has white space, control characters or `+`.
    #[error(
        "a host has 1 to {} bytes without white space, control characters and '+'",
        HOST_BYTES_MAX
    )]
    Host,
    /// The key in the file is that of another host.
    #[error("the key is that of {found}")]
    OtherHost {
        /// Whose it is.
        found: KeyName,
    },
    /// Others than its owner may read or write the file. Take their rights away, and replace the key if somebody may have read it.
    #[error("the key file {} has mode {mode:o}: others than its owner can read or change it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file cannot be read or made.
    #[error("the key file {} cannot be read or made", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl LogKey {
    /// Makes a new key. `host` names the service in the names of its logs, such as `audit.example.com`.
    ///
    /// # Errors
    /// [`LogKeyError::Host`].
    pub fn generate(host: &str, sources: &Sources) -> Result<Self, LogKeyError> {
        let name = host_name(host)?;
        Ok(Self::new(NoteSigner::generate(name, sources), Vec::new()))
    }

    /// Reads the key and those that it has replaced.
    ///
    /// # Errors
    /// [`LogKeyError`] when the text is not that of keys.
    pub fn from_text(text: &Secret<String>) -> Result<Self, LogKeyError> {
        let lines = text.expose().lines().map(str::trim);
        let mut keys = lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(read_key);
        let current = keys.next().ok_or(LogKeyError::Empty)??;
        let mut older = Vec::new();
        for key in keys {
            if older.len() + 1 == KEYS_MAX {
                return Err(LogKeyError::TooMany);
            }
            older.push(key?);
        }
        Ok(Self::new(current, older))
    }

    /// The key and those it has replaced, for a file or a store of secrets.
    pub fn to_text(&self) -> Secret<String> {
        let texts: Vec<_> = self.all().map(NoteSigner::to_text).collect();
        // Of the full length from the start: a text that grows leaves copies of itself behind.
        let length = texts.iter().map(|text| text.expose().len() + 1).sum();
        let mut text = String::with_capacity(length);
        for key in &texts {
            text.push_str(key.expose());
            text.push('\n');
        }
        Secret::new(text)
    }

    /// Reads the key from a file, or makes one and the file: mode 0600, complete or not there at all, on the disk before this
    /// returns. Of several processes that do so at the same time one makes it and the others read what it made.
    ///
    /// # Errors
    /// [`LogKeyError`]. A file that is there is never replaced.
    pub fn read_or_create(path: &Path, host: &str, sources: &Sources) -> Result<Self, LogKeyError> {
        let host = host_name(host)?;
        if let Some(text) = file::read(path)? {
            return Self::from_text(&text)?.of_host(&host);
        }
        let made = Self::new(NoteSigner::generate(host.clone(), sources), Vec::new());
        if file::create(path, &made.to_text(), sources)? {
            return Ok(made);
        }
        let text = file::read(path)?.ok_or(LogKeyError::Empty)?;
        Self::from_text(&text)?.of_host(&host)
    }

    /// Reads the key from a file, and makes nothing: `None` when there is no such file.
    ///
    /// # Errors
    /// [`LogKeyError`].
    pub fn read(path: &Path, host: &str) -> Result<Option<Self>, LogKeyError> {
        let host = host_name(host)?;
        let text = file::read(path)?;
        text.map(|text| Self::from_text(&text)?.of_host(&host))
            .transpose()
    }

    /// The name of a tenant's log.
    pub fn origin(&self, tenant: TenantId) -> KeyName {
        origin(&self.0.current, tenant)
    }

    /// Signs the checkpoints of a tenant's log.
    pub fn signer(&self, tenant: TenantId) -> NoteSigner {
        self.0.current.renamed(self.origin(tenant))
    }

    /// Verifies the checkpoints of a tenant's log: to be published, and to be kept by whoever verifies.
    pub fn verifier(&self, tenant: TenantId) -> VerifierKey {
        self.signer(tenant).verifier_key()
    }

    /// Verifies the checkpoints of a tenant's log also where an older key of the text has signed them.
    pub fn verifiers(&self, tenant: TenantId) -> Verifiers {
        let mut keys: Vec<VerifierKey> = Vec::new();
        for key in self.all() {
            let key = key.renamed(origin(key, tenant)).verifier_key();
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        // Two keys of one id are one key, but for a collision in 32 bits, in which the newer one stays.
        Verifiers::new(keys).unwrap_or_else(|_| Verifiers::from(self.verifier(tenant)))
    }

    /// The host of which the names of its logs are made.
    pub fn host(&self) -> &KeyName {
        self.0.current.name()
    }

    pub(crate) fn seal_key(&self) -> SealKey {
        SealKey::new(self.mac_key(SEAL_LABEL))
    }

    /// Authenticates the marks outside the database.
    pub(crate) fn mark_key(&self) -> MacKey {
        self.mac_key(MARK_LABEL)
    }

    /// Encrypt what is in the spool: the first one does, the others open what it once did.
    pub(crate) fn spool_keys(&self) -> Vec<DerivedKey> {
        self.all().map(|key| key.derive(SPOOL_LABEL)).collect()
    }

    fn new(current: NoteSigner, older: Vec<NoteSigner>) -> Self {
        Self(Arc::new(Inner { current, older }))
    }

    fn of_host(self, host: &KeyName) -> Result<Self, LogKeyError> {
        if self.host() == host {
            return Ok(self);
        }
        Err(LogKeyError::OtherHost {
            found: self.host().clone(),
        })
    }

    fn all(&self) -> impl Iterator<Item = &NoteSigner> {
        std::iter::once(&self.0.current).chain(&self.0.older)
    }

    fn mac_key(&self, label: &[u8]) -> MacKey {
        let older = self.0.older.iter().map(|key| key.derive(label)).collect();
        MacKey::new(self.0.current.derive(label), older)
    }
}

fn read_key(line: &str) -> Result<NoteSigner, LogKeyError> {
    let key = NoteSigner::from_text(&Secret::new(line.to_owned()))?;
    host_name(key.name().as_str())?;
    Ok(key)
}

fn origin(key: &NoteSigner, tenant: TenantId) -> KeyName {
    let name = format!("{}/audit/{tenant}", key.name());
    name.parse().expect("a host is short enough for it")
}

fn host_name(host: &str) -> Result<KeyName, LogKeyError> {
    if host.len() > HOST_BYTES_MAX {
        return Err(LogKeyError::Host);
    }
    host.parse().map_err(|_| LogKeyError::Host)
}

impl Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogKey({:?}, {} older)", self.0.current, self.0.older.len())
    }
}
