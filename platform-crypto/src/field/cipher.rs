//! AES-256-GCM: the one place that knows which crate computes it.

use zeroize::Zeroize;

use super::header::{NONCE_BYTES, TAG_BYTES};
use crate::Subkey;

/// A cipher ready for use; its round keys are overwritten on drop.
pub(super) struct Cipher(backend::Key);

impl Cipher {
    pub(super) fn new(key: &Subkey) -> Self {
        Self(backend::key(key.expose_bytes()))
    }

    /// Encrypts in place and gives the tag; `None` beyond what GCM takes.
    pub(super) fn seal(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        in_out: &mut [u8],
    ) -> Option<[u8; TAG_BYTES]> {
        backend::seal(&self.0, nonce, aad, in_out)
    }

    /// Decrypts in place. When the tag does not fit, the buffer is overwritten with zeros and the answer is `false`.
    #[must_use]
    pub(super) fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        tag: &[u8; TAG_BYTES],
        in_out: &mut [u8],
    ) -> bool {
        let authentic = backend::open(&self.0, nonce, aad, tag, in_out);
        if !authentic {
            in_out.zeroize();
        }
        authentic
    }
}

#[cfg(not(feature = "aws-lc"))]
mod backend {
    use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};

    pub(super) type Key = Aes256Gcm;

    pub(super) fn key(bytes: &[u8; 32]) -> Key {
        Aes256Gcm::new(bytes.into())
    }

    pub(super) fn seal(key: &Key, nonce: &[u8; 12], aad: &[u8], in_out: &mut [u8]) -> Option<[u8; 16]> {
        let tag = key.encrypt_inout_detached(nonce.into(), aad, in_out.into());
        tag.ok().map(Into::into)
    }

    pub(super) fn open(key: &Key, nonce: &[u8; 12], aad: &[u8], tag: &[u8; 16], in_out: &mut [u8]) -> bool {
        key.decrypt_inout_detached(nonce.into(), aad, in_out.into(), tag.into())
            .is_ok()
    }
}

#[cfg(feature = "aws-lc")]
mod backend {
    use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

    pub(super) type Key = LessSafeKey;

    pub(super) fn key(bytes: &[u8; 32]) -> Key {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).expect("an AES-256 key has 32 bytes"))
    }

    pub(super) fn seal(key: &Key, nonce: &[u8; 12], aad: &[u8], in_out: &mut [u8]) -> Option<[u8; 16]> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = key
            .seal_in_place_separate_tag(nonce, Aad::from(aad), in_out)
            .ok()?;
        tag.as_ref().try_into().ok()
    }

    pub(super) fn open(key: &Key, nonce: &[u8; 12], aad: &[u8], tag: &[u8; 16], in_out: &mut [u8]) -> bool {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        key.open_in_place_separate_tag(nonce, Aad::from(aad), tag, in_out)
            .is_ok()
    }
}
