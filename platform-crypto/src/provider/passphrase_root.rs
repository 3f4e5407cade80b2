//! Root keys that are derived from passphrases.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use platform_core::Sources;
use tokio::sync::Semaphore;

use super::phc::Phc;
use super::root_key::RootKey;
use super::{
    KeyProvider, PASSPHRASE_ITERATIONS, Passphrase, ProviderError, RootKeyRecord, RootKeyRef, WrapContext,
    WrappedKey,
};
use crate::DataKey;

/// The kind of its references.
const KIND: &str = "passphrase";

/// Root keys derived from passphrases by PBKDF2-HMAC-SHA256: the first passphrase wraps, every one unwraps.
///
/// Salt and iterations come from the records that the database keeps of its root keys, so each key is derived once, in
/// [`KeyProvider::prepare`], on the blocking pool; before that the provider unwraps nothing. Three things make `prepare` derive a new key,
/// which the keyring then records: a database that remembers none, a new first passphrase, and more iterations than a key was derived
/// with. The keys before it still unwrap, and having the keyring wrap everything anew makes them superfluous.
///
/// ```
/// use platform_core::Sources;
/// use platform_crypto::{KeyProvider as _, Passphrase, PassphraseRoot};
///
/// # async fn change(known: &[platform_crypto::RootKeyRecord]) -> Result<(), Box<dyn std::error::Error>> {
/// let provider = PassphraseRoot::new(Passphrase::new("eleven grey herons leave at dawn")?, &Sources::system())
///     .with_older(Passphrase::new("nine lanterns over a quiet harbour")?);
/// let record = provider.prepare(known).await?;
/// assert_eq!(record.root, provider.current());
/// # Ok(())
/// # }
/// ```
pub struct PassphraseRoot {
    passphrases: Vec<Passphrase>,
    iterations: u32,
    sources: Sources,
    derived: RwLock<Arc<Vec<Derived>>>,
}

/// A derived key, with what the database remembers of it. The current one is the first of the list.
#[derive(Clone)]
struct Derived {
    key: Arc<RootKey>,
    phc: Phc,
    passphrase: usize,
}

impl PassphraseRoot {
    /// A provider whose root key is derived from `current`.
    pub fn new(current: Passphrase, sources: &Sources) -> Self {
        Self {
            passphrases: vec![current],
            iterations: PASSPHRASE_ITERATIONS,
            sources: sources.clone(),
            derived: RwLock::default(),
        }
    }

    /// Unwraps with the keys of an earlier passphrase as well, until everything is wrapped anew.
    #[must_use]
    pub fn with_older(mut self, passphrase: Passphrase) -> Self {
        self.passphrases.push(passphrase);
        self
    }

    /// Derives new keys with so many iterations, but not with fewer than [`PASSPHRASE_ITERATIONS`].
    #[must_use]
    pub fn with_iterations(mut self, iterations: u32) -> Self {
        self.iterations = iterations.max(PASSPHRASE_ITERATIONS);
        self
    }

    fn derived(&self) -> Arc<Vec<Derived>> {
        self.derived
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn key(&self, root: &RootKeyRef) -> Option<Arc<RootKey>> {
        let derived = self.derived();
        derived
            .iter()
            .map(|derived| &derived.key)
            .find(|key| key.name() == root)
            .cloned()
    }

    fn current_key(&self) -> Result<Arc<RootKey>, ProviderError> {
        let derived = self.derived();
        let current = derived.first().map(|derived| derived.key.clone());
        current.ok_or_else(|| ProviderError::UnknownRoot(not_derived()))
    }

    /// The key of a record, by whichever passphrase fits.
    async fn recognise(&self, record: &RootKeyRecord) -> Result<Derived, ProviderError> {
        let unknown = || ProviderError::UnknownRoot(record.root.clone());
        let phc: Phc = record
            .phc
            .as_deref()
            .and_then(|phc| phc.parse().ok())
            .ok_or_else(unknown)?;
        for (at, passphrase) in self.passphrases.iter().enumerate() {
            let (passphrase, wanted) = (passphrase.clone(), phc.clone());
            let verified = on_blocking_pool(move || passphrase.verify(&wanted)).await?;
            if let Some(key) = verified.filter(|key| *key.name() == record.root) {
                return Ok(Derived {
                    key: Arc::new(key),
                    phc,
                    passphrase: at,
                });
            }
        }
        Err(unknown())
    }

    /// A new key of the first passphrase.
    async fn derive(&self) -> Result<Derived, ProviderError> {
        let (passphrase, iterations) = (self.passphrases[0].clone(), self.iterations);
        let salt = self.sources.bytes();
        let (key, phc) = on_blocking_pool(move || passphrase.derive(iterations, salt)).await?;
        Ok(Derived {
            key: Arc::new(key),
            phc,
            passphrase: 0,
        })
    }
}

#[async_trait]
impl KeyProvider for PassphraseRoot {
    /// The root key that wraps from now on; before `prepare` a reference that nothing was wrapped under.
    fn current(&self) -> RootKeyRef {
        self.derived()
            .first()
            .map_or_else(not_derived, |derived| derived.key.name().clone())
    }

    fn holds(&self, root: &RootKeyRef) -> bool {
        self.key(root).is_some()
    }

    async fn prepare(&self, known: &[RootKeyRecord]) -> Result<RootKeyRecord, ProviderError> {
        let before = self.derived();
        let mut keys: Vec<Derived> = Vec::with_capacity(known.len() + 1);
        for record in known {
            match before.iter().find(|derived| *derived.key.name() == record.root) {
                Some(derived) => keys.push(derived.clone()),
                None => keys.push(self.recognise(record).await?),
            }
        }
        // A key that was made here and not recorded yet comes last: another process may have been first.
        keys.extend(
            before
                .iter()
                .filter(|derived| !known.iter().any(|record| record.root == *derived.key.name()))
                .cloned(),
        );
        let suits = |derived: &Derived| derived.passphrase == 0 && derived.phc.iterations >= self.iterations;
        let current = match keys.iter().position(suits) {
            Some(at) => keys.remove(at),
            None => self.derive().await?,
        };
        let record = RootKeyRecord {
            root: current.key.name().clone(),
            phc: Some(current.phc.to_string()),
        };
        keys.insert(0, current);
        *self.derived.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        Ok(record)
    }

    async fn wrap(&self, context: &WrapContext, key: &DataKey) -> Result<WrappedKey, ProviderError> {
        self.current_key()?.wrap(context, key, &self.sources)
    }

    async fn unwrap(&self, context: &WrapContext, wrapped: &WrappedKey) -> Result<DataKey, ProviderError> {
        let root = self.key(&wrapped.root);
        root.ok_or_else(|| ProviderError::UnknownRoot(wrapped.root.clone()))?
            .unwrap(context, &wrapped.bytes)
    }

    async fn rewrap(
        &self,
        context: &WrapContext,
        wrapped: &WrappedKey,
    ) -> Result<Option<WrappedKey>, ProviderError> {
        if wrapped.root == *self.current_key()?.name() {
            return Ok(None);
        }
        let key = self.unwrap(context, wrapped).await?;
        self.wrap(context, &key).await.map(Some)
    }

    async fn health(&self) -> Result<(), ProviderError> {
        self.current_key().map(|_| ())
    }
}

impl fmt::Debug for PassphraseRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PassphraseRoot")
            .field("current", &self.current().as_str())
            .field("passphrases", &self.passphrases.len())
            .finish_non_exhaustive()
    }
}

fn not_derived() -> RootKeyRef {
    format!("{KIND}:not-derived")
        .parse()
        .expect("the reference is visible ASCII with a colon")
}

/// One derivation at a time in this process: several would take every core from the requests, and gain nothing.
static TURN: Semaphore = Semaphore::const_new(1);

async fn on_blocking_pool<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ProviderError> {
    let _turn = TURN.acquire().await.map_err(ProviderError::unavailable)?;
    tokio::task::spawn_blocking(work)
        .await
        .map_err(ProviderError::unavailable)
}
