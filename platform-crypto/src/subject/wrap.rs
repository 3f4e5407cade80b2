//! Wrapping the key of a data subject.

use aes_gcm::aead::AeadInOut as _;
use aes_gcm::{Aes256Gcm, KeyInit as _};
use hkdf::Hkdf;
use platform_core::Sources;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{SegmentId, Slot, SlotKey, SubjectId};
use crate::{DataKey, KeyId, Label};

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;
const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;

/// What a wrapped subject key is bound to.
#[derive(Debug, Clone, Copy)]
pub(super) struct SubjectPlace {
    pub(super) subject: SubjectId,
    pub(super) key: KeyId,
    pub(super) segment: SegmentId,
    pub(super) slot: Slot,
}

/// The bytes are not a key that was wrapped for this place under these keys.
#[derive(Debug)]
pub(super) struct NotWrapped;

impl SubjectPlace {
    /// Wraps a key so that it takes both the tenant's key and the slot's key to unwrap it.
    ///
    /// The wrapping key is HKDF-SHA256 over the tenant key's subkey for the label `subject` and the slot's key, one after the other,
    /// with the place as info; it serves once. Wrapped, a key has 61 bytes: the version 1, a nonce of 12 bytes, the 32 bytes encrypted
    /// with AES-256-GCM under the place as associated data, the tag.
    pub(super) fn wrap(self, key: &DataKey, tenant: &DataKey, slot: &SlotKey, sources: &Sources) -> Vec<u8> {
        let place = self.to_info();
        let nonce = sources.bytes::<NONCE_BYTES>();
        let mut wrapped = Vec::with_capacity(1 + NONCE_BYTES + KEY_BYTES + TAG_BYTES);
        wrapped.push(VERSION);
        wrapped.extend_from_slice(&nonce);
        let mut text = Zeroizing::new(*key.expose_bytes());
        let tag = cipher(&place, tenant, slot)
            .encrypt_inout_detached(&nonce.into(), &place, text.as_mut_slice().into())
            .expect("GCM takes up to 64 GiB");
        wrapped.extend_from_slice(text.as_slice());
        wrapped.extend_from_slice(&tag);
        wrapped
    }

    /// Unwraps what [`wrap`](Self::wrap) has made, and checks that it is the key with the id of the place.
    pub(super) fn unwrap(
        self,
        wrapped: &[u8],
        tenant: &DataKey,
        slot: &SlotKey,
    ) -> Result<DataKey, NotWrapped> {
        let (nonce, text, tag) = parts(wrapped).ok_or(NotWrapped)?;
        let place = self.to_info();
        let mut key = Zeroizing::new(text);
        cipher(&place, tenant, slot)
            .decrypt_inout_detached(&nonce.into(), &place, key.as_mut_slice().into(), &tag.into())
            .map_err(|_| NotWrapped)?;
        let key = DataKey::from_bytes(*key);
        match key.id() == self.key {
            true => Ok(key),
            false => Err(NotWrapped),
        }
    }

    fn to_info(self) -> Vec<u8> {
        let (tenant, subject) = (self.segment.tenant.as_uuid(), self.subject.as_uuid());
        let parts: [&[u8]; 6] = [
            b"subject-wrap",
            tenant.as_bytes(),
            subject.as_bytes(),
            self.key.as_bytes(),
            &self.segment.number.to_be_bytes(),
            &self.slot.number().to_be_bytes(),
        ];
        Label::new(&parts).to_info()
    }
}

fn cipher(place: &[u8], tenant: &DataKey, slot: &SlotKey) -> Aes256Gcm {
    let mut both = Zeroizing::new([0; 2 * KEY_BYTES]);
    let (first, second) = both.split_at_mut(KEY_BYTES);
    first.copy_from_slice(tenant.subkey(&Label::new(&[b"subject"])).expose_bytes());
    second.copy_from_slice(slot.expose_bytes());
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    Hkdf::<Sha256>::new(None, both.as_slice())
        .expand(place, key.as_mut_slice())
        .expect("HKDF-SHA256 gives up to 8,160 bytes");
    Aes256Gcm::new((&*key).into())
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
