//! One secret that is held.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use platform_core::Timestamp;
use tokio::sync::watch;

use super::store::Inner;
use super::{SecretError, SecretName, SecretVersions};

/// A secret that is held and kept fresh. Cheap to clone.
#[derive(Clone)]
pub struct HeldSecret {
    inner: Arc<Inner>,
    entry: Arc<Entry>,
}

pub(super) struct Entry {
    pub(super) name: SecretName,
    versions: watch::Sender<SecretVersions>,
    times: Mutex<Times>,
    /// How often the source has answered or failed.
    runs: AtomicU64,
    /// How the source was asked last, held while it is.
    asking: tokio::sync::Mutex<Asked>,
}

struct Asked {
    at: Timestamp,
    /// How that failed, if it did.
    failure: Option<Failure>,
}

struct Failure {
    run: u64,
    error: Arc<SecretError>,
}

#[derive(Clone, Copy)]
struct Times {
    /// When the source last answered.
    fetched_at: Timestamp,
    /// When the current version was first seen.
    changed_at: Timestamp,
}

/// What a fetch has found.
pub(super) enum Outcome {
    Changed,
    Unchanged,
}

impl HeldSecret {
    pub(super) fn new(inner: Arc<Inner>, entry: Arc<Entry>) -> Self {
        Self { inner, entry }
    }

    /// The secret's name.
    pub fn name(&self) -> &SecretName {
        &self.entry.name
    }

    /// The secret: from memory, and for longer than it is fresh while the source fails. Only when it is too old for that the source
    /// is waited for.
    ///
    /// # Errors
    /// [`SecretError`] when what is known is too old and the source fails.
    pub async fn get(&self) -> Result<SecretVersions, SecretError> {
        if self.inner.age(&self.entry) >= self.inner.config.fresh_for {
            self.inner.due.notify_one();
        }
        if !self.inner.is_usable(&self.entry) {
            self.inner.fetch_again(&self.entry).await?;
        }
        Ok(self.inner.overlapping(&self.entry))
    }

    /// Asks the source now: for whoever has been refused with the secret. Everybody who asks at the same time is answered at once, also
    /// when the source fails.
    ///
    /// # Errors
    /// [`SecretError`]; what is known stays known.
    pub async fn refetch(&self) -> Result<SecretVersions, SecretError> {
        self.inner.fetch_again(&self.entry).await?;
        Ok(self.inner.overlapping(&self.entry))
    }

    /// Tells of every change from now on, also of those it is late to hear of: the newest counts.
    pub fn subscribe(&self) -> watch::Receiver<SecretVersions> {
        self.entry.versions.subscribe()
    }
}

impl Inner {
    /// Fetches a secret for the first time.
    pub(super) async fn first(&self, name: &SecretName) -> Result<Entry, SecretError> {
        let versions = self.ask(name).await?;
        let now = self.sources.now();
        Ok(Entry {
            name: name.clone(),
            versions: watch::Sender::new(versions),
            times: Mutex::new(Times {
                fetched_at: now,
                changed_at: now,
            }),
            runs: AtomicU64::new(0),
            asking: tokio::sync::Mutex::new(Asked {
                at: now,
                failure: None,
            }),
        })
    }

    /// Asks the source, unless it has just been asked. Who has waited while somebody else asked is told how that went: a thousand who
    /// wait for a source that hangs wait once, not a thousand times.
    pub(super) async fn fetch_again(&self, entry: &Entry) -> Result<Outcome, SecretError> {
        let fetched_before = entry.times().fetched_at;
        let runs_before = entry.runs.load(Ordering::Acquire);
        let mut asked = entry.asking.lock().await;
        if entry.times().fetched_at > fetched_before {
            return Ok(Outcome::Unchanged);
        }
        let pauses = self.since(asked.at) < self.config.pause;
        match &asked.failure {
            Some(failure) if failure.run > runs_before => return Err(SecretError::shared(&failure.error)),
            _ if pauses && self.is_usable(entry) => return Ok(Outcome::Unchanged),
            Some(failure) if pauses => return Err(SecretError::shared(&failure.error)),
            _ => {}
        }
        asked.at = self.sources.now();
        let answer = self.ask(&entry.name).await;
        let now = self.sources.now();
        let run = entry.runs.fetch_add(1, Ordering::AcqRel) + 1;
        match answer {
            Ok(versions) => {
                asked.failure = None;
                Ok(entry.learn(versions, now))
            }
            Err(error) => {
                let error = Arc::new(error);
                let told = SecretError::shared(&error);
                // The pause is one between two tries, however long they take.
                *asked = Asked {
                    at: now,
                    failure: Some(Failure { run, error }),
                };
                Err(told)
            }
        }
    }

    pub(super) fn age(&self, entry: &Entry) -> Duration {
        self.since(entry.times().fetched_at)
    }

    /// Is it fresh, or stale for no longer than that is borne?
    fn is_usable(&self, entry: &Entry) -> bool {
        let limit = self.config.fresh_for.saturating_add(self.config.stale_for);
        self.age(entry) < limit
    }

    /// The secret without a version before it that is over.
    fn overlapping(&self, entry: &Entry) -> SecretVersions {
        let mut versions = entry.versions.borrow().clone();
        if self.since(entry.times().changed_at) >= self.config.overlap {
            versions.previous = None;
        }
        versions
    }

    /// A clock that was set back makes nothing older.
    fn since(&self, then: Timestamp) -> Duration {
        Duration::try_from(self.sources.now() - then).unwrap_or(Duration::ZERO)
    }

    async fn ask(&self, name: &SecretName) -> Result<SecretVersions, SecretError> {
        match tokio::time::timeout(self.config.fetch_timeout, self.source.fetch(name)).await {
            Ok(Ok(Some(versions))) => Ok(versions),
            Ok(Ok(None)) => Err(SecretError::Missing { name: name.clone() }),
            Ok(Err(error)) => Err(error),
            Err(elapsed) => Err(SecretError::Unavailable {
                name: name.clone(),
                source: elapsed.into(),
            }),
        }
    }
}

impl Entry {
    fn times(&self) -> Times {
        *self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was fetched. A new version puts the one that was current before it, unless the source knows better.
    fn learn(&self, fetched: SecretVersions, now: Timestamp) -> Outcome {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.fetched_at = now;
        let changed = self.versions.send_if_modified(|held| {
            if fetched.current.is(&held.current) {
                return false;
            }
            let before = std::mem::replace(held, fetched);
            held.previous.get_or_insert(before.current);
            true
        });
        match changed {
            true => {
                times.changed_at = now;
                tracing::info!(name = %self.name, "the secret {} has a new version", self.name);
                Outcome::Changed
            }
            false => Outcome::Unchanged,
        }
    }
}

impl fmt::Debug for HeldSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entry.fmt(f)
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldSecret")
            .field("name", &self.name)
            .field("versions", &*self.versions.borrow())
            .finish_non_exhaustive()
    }
}
