//! The secrets that a process holds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use platform_core::{Sources, error_chain};
use tokio::sync::{Mutex, Notify};

use super::held::{Entry, Outcome};
use super::{HeldSecret, SecretError, SecretName, SecretSource, SecretsWorker};

/// How long what is known of a secret counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretsConfig {
    /// A secret is fetched again when it is older: 60 s.
    pub fresh_for: Duration,
    /// For how long after that it is still given out while the source fails: 1 h.
    pub stale_for: Duration,
    /// For how long the version before is given out after a change was seen: 1 h.
    pub overlap: Duration,
    /// What one answer of the source may take: 10 s.
    pub fetch_timeout: Duration,
    /// The source is not asked again for the same secret before, whoever wants to know: 200 ms.
    pub pause: Duration,
}

impl Default for SecretsConfig {
    fn default() -> Self {
        Self {
            fresh_for: Duration::from_secs(60),
            stale_for: Duration::from_secs(60 * 60),
            overlap: Duration::from_secs(60 * 60),
            fetch_timeout: Duration::from_secs(10),
            pause: Duration::from_millis(200),
        }
    }
}

/// The secrets of a process: fetched once, held in memory, fetched again by a [worker](Secrets::worker). Cheap to clone.
///
/// ```
/// use platform_core::Sources;
/// use platform_crypto::{EnvSecrets, Secrets};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let source = EnvSecrets::new("APP_SECRET_", std::env::vars());
/// let secrets = Secrets::new(source, Sources::system());
/// let password = secrets.open(&"database-password".parse()?).await?;
/// let versions = password.get().await?;
/// # let _ = versions.current.text().expose();
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Secrets {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) source: Box<dyn SecretSource>,
    pub(super) sources: Sources,
    pub(super) config: SecretsConfig,
    /// Somebody was given a secret that should be fetched again.
    pub(super) due: Notify,
    held: Mutex<BTreeMap<SecretName, Arc<Entry>>>,
}

/// What fetching the secrets that were due has come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refreshed {
    /// Secrets that are as they were.
    pub unchanged: usize,
    /// Secrets that have a new version.
    pub changed: usize,
    /// Secrets that could not be fetched; each was logged.
    pub failed: usize,
}

impl Secrets {
    /// The secrets of a source, with the default [`SecretsConfig`].
    pub fn new(source: impl SecretSource, sources: Sources) -> Self {
        Self::with_config(source, sources, SecretsConfig::default())
    }

    /// The secrets of a source.
    pub fn with_config(source: impl SecretSource, sources: Sources, config: SecretsConfig) -> Self {
        Self {
            inner: Arc::new(Inner {
                source: Box::new(source),
                sources,
                config,
                due: Notify::new(),
                held: Mutex::default(),
            }),
        }
    }

    /// Fetches a secret and holds it from now on. Open every secret when the process starts, so that one that is missing is known
    /// then.
    ///
    /// # Errors
    /// [`SecretError`]: nothing is held.
    pub async fn open(&self, name: &SecretName) -> Result<HeldSecret, SecretError> {
        let mut held = self.inner.held.lock().await;
        let entry = match held.get(name) {
            Some(entry) => Arc::clone(entry),
            None => {
                let entry = Arc::new(Box::pin(self.inner.first(name)).await?);
                held.insert(name.clone(), Arc::clone(&entry));
                entry
            }
        };
        Ok(HeldSecret::new(Arc::clone(&self.inner), entry))
    }

    /// Fetches every held secret that is no longer fresh. For a [worker](Secrets::worker), which does it again and again.
    pub async fn refresh(&self) -> Refreshed {
        let entries: Vec<Arc<Entry>> = self.inner.held.lock().await.values().cloned().collect();
        let mut refreshed = Refreshed::default();
        for entry in entries {
            if self.inner.age(&entry) < self.inner.config.fresh_for {
                continue;
            }
            match self.inner.fetch_again(&entry).await {
                Ok(Outcome::Changed) => refreshed.changed += 1,
                Ok(Outcome::Unchanged) => refreshed.unchanged += 1,
                Err(error) => {
                    refreshed.failed += 1;
                    tracing::warn!(
                        name = %entry.name, error = %error_chain(&error),
                        "the secret {} could not be fetched again", entry.name
                    );
                }
            }
        }
        refreshed
    }

    /// The background task that keeps the secrets fresh.
    pub fn worker(&self) -> SecretsWorker {
        SecretsWorker::new(self.clone())
    }
}
