//! The key of one data subject, for sealing.

use platform_core::TenantId;

use super::SubjectId;
use crate::{
    FieldContext, FieldKey, KeyId, OpenError, OpenKeys, Plaintext, SealError, SealKeys, Sealed, Secret,
};

/// The key of one data subject: what it seals dies with the subject.
///
/// Got from [`Keyring::ensure_subject`](crate::Keyring::ensure_subject). Hold it for the transaction and no longer: whoever holds it
/// does not hear of an erasure.
#[derive(Debug, Clone)]
pub struct SubjectKey {
    tenant: TenantId,
    subject: SubjectId,
    key: FieldKey,
}

impl SubjectKey {
    pub(super) const fn new(tenant: TenantId, subject: SubjectId, key: FieldKey) -> Self {
        Self { tenant, subject, key }
    }

    /// The subject.
    pub const fn subject(&self) -> SubjectId {
        self.subject
    }

    /// The id of the key, as it stands in everything that it seals.
    pub fn id(&self) -> KeyId {
        self.key.id()
    }

    /// Seals a value for its place.
    ///
    /// # Errors
    /// [`SealError::WrongTenant`] is a mistake of the caller, [`SealError::TooLong`] the value's.
    pub fn seal<T: Plaintext>(&self, at: &FieldContext<'_, T>, value: &T) -> Result<Sealed<T>, SealError> {
        if at.tenant() != self.tenant {
            return Err(SealError::WrongTenant);
        }
        self.key.seal(at, value)
    }
}

impl SealKeys for SubjectKey {
    fn seal<T: Plaintext>(&self, at: &FieldContext<'_, T>, value: &T) -> Result<Sealed<T>, SealError> {
        self.seal(at, value)
    }
}

impl OpenKeys for SubjectKey {
    fn open<T: Plaintext>(
        &self,
        at: &FieldContext<'_, T>,
        sealed: &Sealed<T>,
    ) -> Result<Secret<T>, OpenError> {
        self.key.open(at, sealed)
    }
}
