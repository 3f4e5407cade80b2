//! Setting up a keyring.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use moka::policy::EvictionPolicy;
use platform_core::pg::Db;

use super::handle::{Inner, Keyring};
use super::{KeyError, KeyLog, TracingKeyLog, roots};
use crate::subject::Subjects;
use crate::{ErasureStore, KeyProvider, SealedRow, SealedTable};

/// AES-256-GCM with random nonces is good for so many values under one key.
const SEALS_MAX: u64 = 1 << 32;

/// Longer times are a mistake, and could not be added to a date.
const TIME_MAX: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Sets up a [`Keyring`]; made by [`Keyring::builder`].
#[derive(Debug, Clone)]
pub struct KeyringBuilder {
    db: Db,
    provider: Arc<dyn KeyProvider>,
    log: Arc<dyn KeyLog>,
    erasure: Option<Arc<dyn ErasureStore>>,
    config: Config,
    tables: Vec<&'static SealedTable>,
}

/// The times and limits of a keyring.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Config {
    /// How long loaded keys are used, and how long a new version is published before it is used.
    pub(crate) ttl: Duration,
    /// How long a key is used after the provider last gave it.
    pub(crate) grace: Duration,
    /// Seals that a process leases at a time.
    pub(crate) block: u64,
    /// Seals after which a key is rotated by itself.
    pub(crate) soft: u64,
    /// Seals after which a key is not used any more.
    pub(crate) hard: u64,
    /// The age at which maintenance rotates a key.
    pub(crate) rotate_after: Option<Duration>,
    /// Keys held in memory.
    pub(crate) capacity: u64,
}

impl KeyringBuilder {
    pub(super) fn new(db: &Db, provider: Arc<dyn KeyProvider>) -> Self {
        Self {
            db: db.clone(),
            provider,
            log: Arc::new(TracingKeyLog),
            erasure: None,
            config: Config {
                ttl: Duration::from_secs(300),
                grace: Duration::from_secs(900),
                block: 1 << 16,
                soft: 1 << 31,
                hard: SEALS_MAX,
                rotate_after: None,
                capacity: 100_000,
            },
            tables: Vec::new(),
        }
    }

    /// How long loaded keys are used before they are loaded anew, used or not: 300 s. A change that no message told of reaches every
    /// process within it, and a new version is published for so long before it seals. The same in all processes.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.config.ttl = ttl.min(TIME_MAX);
        self
    }

    /// How long a key is used on after the provider last gave it, when the provider is unavailable: 900 s. So long serves what the
    /// store of erasure keys last gave, too. Nothing below the time-to-live has an effect.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.config.grace = grace.min(TIME_MAX);
        self
    }

    /// Where the life of keys is recorded: the log of the program, unless told otherwise.
    #[must_use]
    pub fn log(mut self, log: Arc<dyn KeyLog>) -> Self {
        self.log = log;
        self
    }

    /// Where the erasure keys of data subjects are kept. Without it there are no keys of subjects: every use of one is
    /// [`KeyError::NoErasureStore`].
    #[must_use]
    pub fn erasure(mut self, store: Arc<dyn ErasureStore>) -> Self {
        self.erasure = Some(store);
        self
    }

    /// How many seals a process reserves at a time: 65,536. What it has reserved when it ends is lost to the key.
    #[must_use]
    pub fn lease(mut self, block: u64) -> Self {
        self.config.block = block.max(1);
        self
    }

    /// After how many seals a key is rotated by itself (2^31), and after how many nothing is sealed under it any more (2^32, which
    /// cannot be exceeded).
    #[must_use]
    pub fn budget(mut self, soft: u64, hard: u64) -> Self {
        self.config.hard = hard.clamp(1, SEALS_MAX);
        self.config.soft = soft.min(self.config.hard);
        self
    }

    /// The age at which [`Keyring::maintain`](crate::Keyring::maintain) rotates a tenant's data key: never, unless told otherwise.
    #[must_use]
    pub fn rotate_after(mut self, age: Duration) -> Self {
        self.config.rotate_after = Some(age.min(TIME_MAX));
        self
    }

    /// How many keys are held in memory, versions of one key counted each: 100,000. Those used longest ago go first. Beside them as
    /// many keys of data subjects are held, but no more than 20,000. Every key takes about 1 KiB for each column it is used for.
    #[must_use]
    pub fn capacity(mut self, keys: u64) -> Self {
        self.config.capacity = keys.max(1);
        self
    }

    /// A table with sealed columns, by the row that is derived for it. [`Keyring::reseal`] seals its values anew, and no key is
    /// destroyed under which one of them still is. Name every one; the order is that of the work.
    #[must_use]
    pub fn sealed<R: SealedRow>(mut self) -> Self {
        if !self.tables.iter().any(|table| table.name() == R::TABLE.name()) {
            self.tables.push(R::TABLE);
        }
        self
    }

    /// Checks that the provider has the root keys of this database, and opens the keyring.
    ///
    /// # Errors
    /// [`KeyError::RootKeyMissing`] and [`KeyError::WrongRootKey`] when it has not: the service must not start, because it would seal
    /// under another root key. [`KeyError::Db`] and [`KeyError::Provider`] when they fail.
    pub async fn open(self) -> Result<Keyring, KeyError> {
        roots::open(&self.db, &*self.provider, self.db.sources()).await?;
        Ok(self.unchecked())
    }

    /// Checks what [`open`](Self::open) checks and writes nothing: a root key that the database does not know yet stays unknown to it.
    /// The keyring is for looking.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn check(self) -> Result<Keyring, KeyError> {
        roots::look(&self.db, &*self.provider).await?;
        Ok(self.unchecked())
    }

    /// The keyring without a look at the root keys.
    pub(super) fn unchecked(self) -> Keyring {
        let sources = self.db.sources().clone();
        let config = self.config;
        // Keys that nobody has used for so long could not be used any more; the cache's own clock is good enough for that.
        let forgotten = config.ttl.max(config.grace).saturating_add(config.ttl);
        let slots = Cache::builder()
            .max_capacity(config.capacity)
            .weigher(|_, slot: &Arc<super::slot::Slot>| slot.weight())
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(forgotten)
            .build();
        let inner = Inner {
            db: self.db,
            sources,
            provider: self.provider,
            log: self.log,
            config,
            tables: self.tables,
            slots,
            subjects: Subjects::new(self.erasure, (config.ttl, config.grace), config.capacity),
        };
        Keyring {
            inner: Arc::new(inner),
        }
    }
}
