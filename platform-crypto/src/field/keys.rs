//! The keys of a tenant at one moment.

use std::collections::{BTreeSet, HashMap};
use std::fmt::{self, Debug};
use std::sync::Arc;

use platform_core::TenantId;

use super::header::Parts;
use super::{Budget, FieldContext, FieldKey, OpenError, Plaintext, SealError, Sealed};
use crate::{KeyId, Secret};

/// What seals: a tenant's keys, or the key of one data subject.
pub trait SealKeys {
    /// Seals a value for its place.
    ///
    /// # Errors
    /// See [`SealError`].
    fn seal<T: Plaintext>(&self, at: &FieldContext<'_, T>, value: &T) -> Result<Sealed<T>, SealError>;
}

/// What opens.
pub trait OpenKeys {
    /// Opens a value at its place.
    ///
    /// # Errors
    /// See [`OpenError`].
    fn open<T: Plaintext>(
        &self,
        at: &FieldContext<'_, T>,
        sealed: &Sealed<T>,
    ) -> Result<Secret<T>, OpenError>;
}

/// The keys of one tenant as they were a moment ago, cheap to clone: one that seals, and all that open.
///
/// Sealing and opening ask nobody and wait for nothing. Keys are held for one request or one batch and fetched again for the next,
/// which is how a rotation or a destruction reaches everybody. What they seal is to be committed within one time-to-live of the
/// keyring from when they were fetched (300 s, unless told otherwise): a key may be destroyed thereafter, and what is still sealed
/// under it later is lost. Fetch them again in a batch that takes longer.
///
/// ```
/// use platform_core::{Sources, TenantId};
/// use platform_crypto::{Budget, Column, DataKey, FieldKey, Keys, OpenError};
///
/// const EMAIL: Column<String> = Column::new("crm.customer", "email");
///
/// let sources = Sources::system();
/// let tenant = TenantId::generate(&sources);
/// let (old, new) = (DataKey::generate(&sources), DataKey::generate(&sources));
/// let (old, new) = (FieldKey::new(old), FieldKey::new(new));
/// let (ada, bob) = (EMAIL.at(tenant, sources.uuid_v7()), EMAIL.at(tenant, sources.uuid_v7()));
///
/// let before = Keys::new(tenant, old.clone(), Budget::unlimited());
/// let sealed = before.seal(&ada, &"ada@example.com".to_owned())?;
///
/// let rotated = Keys::new(tenant, new.clone(), Budget::unlimited()).with_opening(old);
/// assert_eq!(rotated.sealing_id(), Some(new.id()));
/// assert_eq!(rotated.open(&ada, &sealed)?.expose(), "ada@example.com");
/// assert_eq!(rotated.open(&bob, &sealed).unwrap_err(), OpenError::Tampered);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Keys(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    tenant: TenantId,
    sealing: Option<(FieldKey, Budget)>,
    others: HashMap<KeyId, Known>,
}

/// What is known of a key that does not seal.
#[derive(Clone)]
enum Known {
    Opens(FieldKey),
    Destroyed,
    Unavailable,
}

impl Keys {
    /// Keys that seal and open with `sealing`, as often as `budget` allows.
    pub fn new(tenant: TenantId, sealing: FieldKey, budget: Budget) -> Self {
        Self::of(tenant, Some((sealing, budget)))
    }

    /// Keys that seal nothing and, so far, open nothing.
    pub fn opening_only(tenant: TenantId) -> Self {
        Self::of(tenant, None)
    }

    /// The same keys, and one more that opens.
    #[must_use]
    pub fn with_opening(self, key: FieldKey) -> Self {
        self.with(key.id(), Known::Opens(key))
    }

    /// The same keys, and the knowledge that one more was destroyed.
    #[must_use]
    pub fn with_destroyed(self, key: KeyId) -> Self {
        self.with(key, Known::Destroyed)
    }

    /// The same keys, and the knowledge that there is one more, which cannot be had.
    #[must_use]
    pub fn with_unavailable(self, key: KeyId) -> Self {
        self.with(key, Known::Unavailable)
    }

    /// Whose keys they are.
    pub fn tenant(&self) -> TenantId {
        self.0.tenant
    }

    /// The key that new values are sealed under.
    pub fn sealing_id(&self) -> Option<KeyId> {
        self.0.sealing.as_ref().map(|(key, _)| key.id())
    }

    /// Whether values under this key can be opened.
    pub fn contains(&self, key: KeyId) -> bool {
        self.key(key).is_ok()
    }

    /// Those of `ids` of which nothing is known here, each once: what has to be loaded before a list of values is opened.
    pub fn missing(&self, ids: impl IntoIterator<Item = KeyId>) -> Vec<KeyId> {
        let unknown = ids
            .into_iter()
            .filter(|id| matches!(self.key(*id), Err(OpenError::UnknownKey(_))));
        unknown.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Seals a value for its place.
    ///
    /// # Errors
    /// [`SealError::BudgetSpent`] when the leased seals are used up: fetch the keys again. [`SealError::WrongTenant`] and
    /// [`SealError::NoSealingKey`] are mistakes of the caller; [`SealError::TooLong`] is the value's.
    pub fn seal<T: Plaintext>(&self, at: &FieldContext<'_, T>, value: &T) -> Result<Sealed<T>, SealError> {
        if at.tenant() != self.0.tenant {
            return Err(SealError::WrongTenant);
        }
        let (key, budget) = self.0.sealing.as_ref().ok_or(SealError::NoSealingKey)?;
        if !budget.spend() {
            return Err(SealError::BudgetSpent(key.id()));
        }
        key.seal(at, value)
    }

    /// Opens a value at its place, with the key that its header names and no other.
    ///
    /// # Errors
    /// [`OpenError::Tampered`] when the value belongs elsewhere or was altered, [`OpenError::KeyDestroyed`] when it is gone for
    /// ever, [`OpenError::KeyUnavailable`] when its key could not be had, [`OpenError::UnknownKey`] when nothing is known of it, and
    /// the others of [`OpenError`].
    pub fn open<T: Plaintext>(
        &self,
        at: &FieldContext<'_, T>,
        sealed: &Sealed<T>,
    ) -> Result<Secret<T>, OpenError> {
        let parts = Parts::of(sealed.as_bytes())?;
        self.key(parts.header.key)?.open_parts(at, &parts)
    }

    fn of(tenant: TenantId, sealing: Option<(FieldKey, Budget)>) -> Self {
        Self(Arc::new(Inner {
            tenant,
            sealing,
            others: HashMap::new(),
        }))
    }

    fn with(mut self, id: KeyId, known: Known) -> Self {
        Arc::make_mut(&mut self.0).others.insert(id, known);
        self
    }

    fn key(&self, id: KeyId) -> Result<&FieldKey, OpenError> {
        if let Some((key, _)) = &self.0.sealing
            && key.id() == id
        {
            return Ok(key);
        }
        match self.0.others.get(&id) {
            Some(Known::Opens(key)) => Ok(key),
            Some(Known::Destroyed) => Err(OpenError::KeyDestroyed(id)),
            Some(Known::Unavailable) => Err(OpenError::KeyUnavailable),
            None => Err(OpenError::UnknownKey(id)),
        }
    }
}

impl SealKeys for Keys {
    fn seal<T: Plaintext>(&self, at: &FieldContext<'_, T>, value: &T) -> Result<Sealed<T>, SealError> {
        self.seal(at, value)
    }
}

impl OpenKeys for Keys {
    fn open<T: Plaintext>(
        &self,
        at: &FieldContext<'_, T>,
        sealed: &Sealed<T>,
    ) -> Result<Secret<T>, OpenError> {
        self.open(at, sealed)
    }
}

impl SealKeys for FieldKey {
    fn seal<T: Plaintext>(&self, at: &FieldContext<'_, T>, value: &T) -> Result<Sealed<T>, SealError> {
        self.seal(at, value)
    }
}

impl OpenKeys for FieldKey {
    fn open<T: Plaintext>(
        &self,
        at: &FieldContext<'_, T>,
        sealed: &Sealed<T>,
    ) -> Result<Secret<T>, OpenError> {
        self.open(at, sealed)
    }
}

impl Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("tenant", &self.0.tenant)
            .field("sealing", &self.sealing_id())
            .field("others", &self.0.others.len())
            .finish()
    }
}
