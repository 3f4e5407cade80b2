//! A data key that seals and opens.

use std::borrow::Cow;
use std::fmt::{self, Debug};
use std::sync::Arc;

use zeroize::{Zeroize, Zeroizing};

use super::column_ciphers::ColumnCiphers;
use super::header::{Header, OVERHEAD_BYTES, Parts};
use super::padding::{pad, padded_len, unpadded_len};
use super::{FieldContext, OpenError, PLAINTEXT_BYTES_MAX, Plaintext, SealError, Sealed, nonce};
use crate::{DataKey, KeyId, Secret};

/// A data key ready for work, cheap to clone. The cipher of a column is derived at its first use and kept: about 1 KiB for each.
///
/// Dropping the last clone overwrites the key and all that was derived from it.
///
/// ```
/// use platform_core::{Sources, TenantId};
/// use platform_crypto::{Column, DataKey, FieldKey};
///
/// const EMAIL: Column<String> = Column::new("crm.customer", "email");
///
/// let sources = Sources::system();
/// let key = FieldKey::new(DataKey::generate(&sources));
/// let place = EMAIL.at(TenantId::generate(&sources), sources.uuid_v7());
///
/// let sealed = key.seal(&place, &"ada@example.com".to_owned())?;
/// assert_eq!(key.open(&place, &sealed)?.expose(), "ada@example.com");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct FieldKey(Arc<Inner>);

struct Inner {
    key: DataKey,
    columns: ColumnCiphers,
}

impl FieldKey {
    /// Makes a data key ready.
    pub fn new(key: DataKey) -> Self {
        Self(Arc::new(Inner {
            key,
            columns: ColumnCiphers::default(),
        }))
    }

    /// The id of the key.
    pub fn id(&self) -> KeyId {
        self.0.key.id()
    }

    /// The key itself, for what else is derived from it.
    #[cfg(feature = "pg")]
    pub(crate) fn data_key(&self) -> &DataKey {
        &self.0.key
    }

    /// Seals a value for its place.
    ///
    /// # Errors
    /// [`SealError::TooLong`] beyond 16 MiB.
    pub fn seal<T: Plaintext>(&self, at: &FieldContext<'_, T>, value: &T) -> Result<Sealed<T>, SealError> {
        let plain = value.to_plain();
        let sealed = self.seal_bytes(at, &plain);
        if let Cow::Owned(mut copy) = plain {
            copy.zeroize();
        }
        sealed
    }

    /// Opens a value at its place.
    ///
    /// # Errors
    /// [`OpenError::Tampered`] when the value belongs elsewhere or was altered, [`OpenError::UnknownKey`] when another key sealed
    /// it, and the others of [`OpenError`] when the bytes are none that this release can read.
    pub fn open<T: Plaintext>(
        &self,
        at: &FieldContext<'_, T>,
        sealed: &Sealed<T>,
    ) -> Result<Secret<T>, OpenError> {
        let parts = Parts::of(sealed.as_bytes())?;
        if parts.header.key != self.id() {
            return Err(OpenError::UnknownKey(parts.header.key));
        }
        self.open_parts(at, &parts)
    }

    fn seal_bytes<T>(&self, at: &FieldContext<'_, T>, plain: &[u8]) -> Result<Sealed<T>, SealError> {
        if plain.len() > PLAINTEXT_BYTES_MAX {
            return Err(SealError::TooLong);
        }
        let column = self.0.columns.of(at.column(), &self.0.key);
        let padding = at.column().padding();
        let header = Header {
            padded: padding.is_some(),
            key: self.id(),
        };
        let aad = column.aad.fill(header.suite(), at.tenant(), at.row());
        let nonce = nonce::fresh();

        let body_len = padded_len(plain.len(), padding);
        let mut bytes = Vec::with_capacity(OVERHEAD_BYTES + body_len);
        bytes.extend_from_slice(&header.to_bytes());
        bytes.extend_from_slice(&nonce);
        let body_at = bytes.len();
        bytes.extend_from_slice(plain);
        pad(&mut bytes, body_at + body_len);
        let tag = column.cipher.seal(&nonce, aad.as_bytes(), &mut bytes[body_at..]);
        let tag = tag.expect("GCM takes up to 64 GiB");
        bytes.extend_from_slice(&tag);
        debug_assert_eq!(
            bytes.len(),
            OVERHEAD_BYTES + body_len,
            "a buffer that grew left plaintext behind"
        );
        Ok(Sealed::from_bytes(bytes))
    }

    pub(super) fn open_parts<T: Plaintext>(
        &self,
        at: &FieldContext<'_, T>,
        parts: &Parts<'_>,
    ) -> Result<Secret<T>, OpenError> {
        let column = self.0.columns.of(at.column(), &self.0.key);
        let aad = column.aad.fill(parts.header.suite(), at.tenant(), at.row());
        let mut plain = Zeroizing::new(parts.ciphertext.to_vec());
        if !column
            .cipher
            .open(parts.nonce, aad.as_bytes(), parts.tag, &mut plain)
        {
            return Err(OpenError::Tampered);
        }
        if parts.header.padded {
            let len = unpadded_len(&plain).ok_or(OpenError::NotPlaintext)?;
            plain.truncate(len);
        }
        T::from_plain(plain)
            .map(Secret::new)
            .map_err(|_| OpenError::NotPlaintext)
    }
}

impl Debug for FieldKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldKey({})", self.id())
    }
}
