//! Why there are no keys, by what can be done about it.

use std::sync::Arc;

use platform_core::Timestamp;
use platform_core::pg::DbError;

use super::KeyLogError;
use crate::{ErasureStoreError, KeyId, KeyState, ProviderError, Purpose, RootKeyRef, SubjectId};

/// Why keys could not be had or changed, one variant for each way a caller may react.
///
/// Cheap to clone: callers that waited for one load are told the same.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The database failed. When it [is unavailable](KeyError::is_unavailable) answer 503; keys that are older than their time-to-live
    /// are not used in the meantime.
    #[error("the keys cannot be read from the database")]
    Db(#[source] Arc<DbError>),
    /// The provider of root keys failed, and no cached key may stand in any more.
    #[error("the provider of root keys failed")]
    Provider(#[source] Arc<ProviderError>),
    /// This service was not given the root key under which the database has keys. Start it with that key; see
    /// [`Keyring::retire_root`](crate::Keyring::retire_root) for one that is no longer needed.
    #[error("the database has keys under the root key {0}, which this service was not given")]
    RootKeyMissing(RootKeyRef),
    /// The root key that this service was given is another one than the database knows under that name.
    #[error("the root key {0} is not the one under which this database was sealed")]
    WrongRootKey(RootKeyRef),
    /// Keys are still wrapped under the root key, or it is the one in use.
    #[error("the root key {0} is still in use")]
    RootKeyInUse(RootKeyRef),
    /// The key has sealed as often as it may. A new version is on its way; until it is in use nothing can be sealed.
    #[error("the key {0} has sealed as often as it may")]
    BudgetSpent(KeyId),
    /// The tenant has no such version.
    #[error("there is no version {version} of the tenant's {purpose} key")]
    NotFound {
        /// What the key would be for.
        purpose: Purpose,
        /// The version that was asked for.
        version: u32,
    },
    /// So many versions of the tenant's key are kept that no other may be asked for: destroy those that are no longer needed. Versions
    /// that are made by themselves, after so many seals or at an age, are not refused.
    #[error("the tenant has {count} versions of its {purpose} key; destroy old ones first")]
    TooManyVersions {
        /// What the key is for.
        purpose: Purpose,
        /// How many are not destroyed.
        count: usize,
    },
    /// The key is in use, or destroyed already: only one that merely decrypts can be destroyed.
    #[error("a key that is {state} cannot be destroyed")]
    NotDestroyable {
        /// Its state.
        state: KeyState,
    },
    /// Another process may still seal under the key, which was in use until a moment ago.
    #[error("the key may still be in use and can be destroyed from {until}")]
    TooEarly {
        /// When it can be destroyed.
        until: Timestamp,
    },
    /// Values are still sealed under the key: seal them anew first, or mend those that could not be.
    #[error("values of the table {table} are still sealed under the key")]
    StillUsed {
        /// The first table that has one.
        table: &'static str,
    },
    /// The context and the transaction belong to different tenants: a mistake of the caller.
    #[error("the context and the transaction belong to different tenants")]
    ForeignTransaction,
    /// Keys of data subjects need a store of erasure keys, and this service was started without one.
    #[error("keys of data subjects need a store of erasure keys, which this service was not given")]
    NoErasureStore,
    /// The store of erasure keys failed. When it [is unavailable](KeyError::is_unavailable) answer 503.
    #[error("the store of erasure keys failed")]
    ErasureStore(#[source] Arc<ErasureStoreError>),
    /// The store of erasure keys lacks the segment of this number, or holds something else in its place, although data subjects have
    /// keys under it. Bring the store back: without it those subjects' fields are lost.
    #[error("the store of erasure keys has lost the tenant's segment {0}")]
    ErasureKeyLost(u32),
    /// The data subject was erased, or is being erased. Nothing more is sealed for it.
    #[error("the data subject {0} has been erased")]
    SubjectErased(SubjectId),
    /// The key is still needed: keys of data subjects are wrapped under it, or rows have no tag under a newer one. See
    /// [`Keyring::rewrap_subjects`](crate::Keyring::rewrap_subjects) and
    /// [`Keyring::rows_to_retag`](crate::Keyring::rows_to_retag).
    #[error("the key is still needed by {0} row(s)")]
    StillNeeded(u64),
    /// A row of the table of keys says what this release cannot read. Somebody has altered it, or a newer release wrote it.
    #[error("the table of keys holds a row that cannot be read")]
    Corrupt,
    /// The change could not be recorded, and so was not made.
    #[error("the change of a key could not be recorded")]
    Log(#[source] Arc<KeyLogError>),
}

impl KeyError {
    /// Is the database or the provider gone or busy, so that the caller may try again later?
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Db(error) => error.is_unavailable(),
            Self::Provider(error) => matches!(**error, ProviderError::Unavailable(_)),
            Self::BudgetSpent(_) | Self::ErasureStore(_) => true,
            _ => false,
        }
    }
}

impl From<DbError> for KeyError {
    fn from(error: DbError) -> Self {
        Self::Db(Arc::new(error))
    }
}

impl From<sqlx::Error> for KeyError {
    fn from(error: sqlx::Error) -> Self {
        DbError::from(error).into()
    }
}

impl From<ProviderError> for KeyError {
    fn from(error: ProviderError) -> Self {
        Self::Provider(Arc::new(error))
    }
}

impl From<ErasureStoreError> for KeyError {
    fn from(error: ErasureStoreError) -> Self {
        Self::ErasureStore(Arc::new(error))
    }
}

impl From<KeyLogError> for KeyError {
    fn from(error: KeyLogError) -> Self {
        match error {
            KeyLogError::Db(error) => error.into(),
            other => Self::Log(Arc::new(other)),
        }
    }
}
