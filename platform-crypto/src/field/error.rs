//! Why a value was not sealed or not opened.

use crate::KeyId;

/// A sealed value was not opened. No variant tells a byte of the value or of a key.
///
/// The variants are for the operator and the log; an HTTP client gets one and the same answer for all of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The value was written by a later version of this crate, or is no sealed value at all.
    #[error("the sealed value has version {0}, which this release cannot open")]
    UnknownVersion(u8),
    /// The value was written with a cipher that this release does not have.
    #[error("the sealed value has cipher suite {0:#04x}, which this release cannot open")]
    UnknownSuite(u8),
    /// The value is shorter than the shortest one there is.
    #[error("the sealed value is cut off")]
    Truncated,
    /// These keys have none of that id: another tenant's, or a subject's that was not loaded.
    #[error("no key {0} is loaded for this tenant")]
    UnknownKey(KeyId),
    /// The key was destroyed, and the value with it. Nothing brings it back.
    #[error("key {0} was destroyed")]
    KeyDestroyed(KeyId),
    /// The key exists but cannot be had now; try again later.
    #[error("the key is not available at present")]
    KeyUnavailable,
    /// The value was altered, or belongs to another tenant, table, column or row.
    #[error("the sealed value does not belong here or was altered")]
    Tampered,
    /// The value is authentic, but its bytes are none that the type is made of: the column changed its type.
    #[error("the opened value is not of the column's type")]
    NotPlaintext,
}

/// A value was not sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The value is longer than [`PLAINTEXT_BYTES_MAX`](crate::PLAINTEXT_BYTES_MAX): a document, not a field.
    #[error("a sealed value has at most 16 MiB")]
    TooLong,
    /// The seals leased for the key are used up: fetch the keys again, which leases more or rotates.
    #[error("the budget of key {0} is spent")]
    BudgetSpent(KeyId),
    /// These keys are for opening only.
    #[error("these keys can open but not seal")]
    NoSealingKey,
    /// The value belongs to another tenant than the keys.
    #[error("the value belongs to another tenant than the keys")]
    WrongTenant,
}
