//! A root key in memory, and AES-256-GCM wrapping with it.

use aes_gcm::aead::AeadInOut as _;
use aes_gcm::{Aes256Gcm, KeyInit as _};
use platform_core::Sources;
use zeroize::{Zeroize as _, Zeroizing};

use super::{ProviderError, RootKeyRef, WrapContext, WrappedKey};
use crate::{DataKey, Label};

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;
const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const WRAPPED_BYTES: usize = 1 + NONCE_BYTES + KEY_BYTES + TAG_BYTES;

/// 32 bytes that wrap data keys.
///
/// Wrapped, a key has 61 bytes: the version 1, a nonce of 12 bytes, the 32 bytes encrypted with AES-256-GCM, the tag. The bytes of the
/// [`WrapContext`] are the associated data. The key of the cipher is derived from the root key for this context (label `wrap`, tenant,
/// purpose, key id), so every data key has a cipher of its own, and a nonce would have to come twice among the few wrappings of one and
/// the same data key (chance 2^-96 for each two) to do harm.
pub(super) struct RootKey {
    name: RootKeyRef,
    key: DataKey,
}

impl RootKey {
    pub(super) fn new(kind: &str, bytes: &Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let key = DataKey::from_bytes(**bytes);
        let name = RootKeyRef::local(kind, key.id());
        Self { name, key }
    }

    pub(super) fn name(&self) -> &RootKeyRef {
        &self.name
    }

    /// What commits to the key and does not tell it.
    pub(super) fn check(&self) -> [u8; KEY_BYTES] {
        *self
            .key
            .subkey(&Label::new(&[b"passphrase-check"]))
            .expose_bytes()
    }

    pub(super) fn wrap(
        &self,
        context: &WrapContext,
        key: &DataKey,
        sources: &Sources,
    ) -> Result<WrappedKey, ProviderError> {
        let bound = context.to_bytes();
        let nonce = sources.bytes::<NONCE_BYTES>();
        let mut bytes = Vec::with_capacity(WRAPPED_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(key.expose_bytes());
        let (_, text) = bytes.split_at_mut(1 + NONCE_BYTES);
        let sealed = self
            .cipher(context)
            .encrypt_inout_detached(&nonce.into(), &bound, text.into());
        let Ok(tag) = sealed else {
            bytes.zeroize();
            return Err(ProviderError::Refused);
        };
        bytes.extend_from_slice(&tag);
        let root = self.name.clone();
        Ok(WrappedKey { root, bytes })
    }

    pub(super) fn unwrap(&self, context: &WrapContext, wrapped: &[u8]) -> Result<DataKey, ProviderError> {
        let (nonce, text, tag) = parts(wrapped).ok_or(ProviderError::Refused)?;
        let mut key = Zeroizing::new(text);
        let bound = context.to_bytes();
        self.cipher(context)
            .decrypt_inout_detached(&nonce.into(), &bound, key.as_mut_slice().into(), &tag.into())
            .map_err(|_| ProviderError::Refused)?;
        let key = DataKey::from_bytes(*key);
        match key.id() == context.key {
            true => Ok(key),
            false => Err(ProviderError::Refused),
        }
    }

    fn cipher(&self, context: &WrapContext) -> Aes256Gcm {
        let tenant = context.tenant.as_uuid();
        let purpose = context.purpose.as_str().as_bytes();
        let label: [&[u8]; 4] = [b"wrap", tenant.as_bytes(), purpose, context.key.as_bytes()];
        Aes256Gcm::new(self.key.subkey(&Label::new(&label)).expose_bytes().into())
    }
}

type Parts = ([u8; NONCE_BYTES], [u8; KEY_BYTES], [u8; TAG_BYTES]);

fn parts(wrapped: &[u8]) -> Option<Parts> {
    let (&VERSION, rest) = wrapped.split_first()? else {
        return None;
    };
    let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>()?;
    let (text, rest) = rest.split_first_chunk::<KEY_BYTES>()?;
    let tag: [u8; TAG_BYTES] = rest.try_into().ok()?;
    Some((*nonce, *text, tag))
}
