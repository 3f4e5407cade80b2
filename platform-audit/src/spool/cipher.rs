//! What stands in a file of the spool.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use platform_core::{Sources, TenantId};
use zeroize::Zeroizing;

use crate::Entry;
use crate::key::{DerivedKey, derive};

/// The first byte of a file.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;
const LABEL: &[u8] = b"platform-audit/v1/spool";
const TENANT_LABEL: &[u8] = b"platform-audit/v1/spool/tenant/";

/// Seals events for the files they are in. Format, version 1: the byte 1, a random nonce of 12 bytes, the ciphertext of the canonical
/// entry, a tag of 16 bytes. The associated data is `platform-audit/v1/spool` and the name of the file.
pub(super) struct SpoolCipher {
    /// The newest first.
    ciphers: Vec<Aes256Gcm>,
    newest: DerivedKey,
}

impl SpoolCipher {
    pub(super) fn new(keys: &[DerivedKey]) -> Self {
        let ciphers = keys.iter().map(|key| Aes256Gcm::new((&**key).into()));
        Self {
            ciphers: ciphers.collect(),
            newest: keys.first().cloned().unwrap_or_default(),
        }
    }

    /// What stands for a tenant in the names of its files: the first 8 bytes of HKDF-SHA256 of the key in use, with
    /// `platform-audit/v1/spool/tenant/` and the tenant's id as info. Says nothing of the tenant to whoever does not have the key.
    pub(super) fn tenant_tag(&self, tenant: TenantId) -> u64 {
        let label = [TENANT_LABEL, tenant.as_uuid().as_bytes()].concat();
        let tag = derive(&self.newest, &label);
        tag.first_chunk().copied().map_or(0, u64::from_be_bytes)
    }

    /// The bytes of a file; `None` for an event that cannot be one, which was not to be recorded either.
    pub(super) fn seal(&self, name: &str, entry: &Entry, sources: &Sources) -> Option<Vec<u8>> {
        let plain = Zeroizing::new(entry.to_bytes().ok()?);
        let nonce: [u8; NONCE_BYTES] = sources.bytes();
        let aad = associated(name);
        let payload = Payload {
            msg: &plain,
            aad: &aad,
        };
        let sealed = self.ciphers.first()?.encrypt(&Nonce::from(nonce), payload).ok()?;
        let mut bytes = Vec::with_capacity(1 + NONCE_BYTES + sealed.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        Some(bytes)
    }

    /// The event in a file of this name, when it is whole and was sealed with a key of the log.
    pub(super) fn open(&self, name: &str, bytes: &[u8]) -> Option<Entry> {
        let (&VERSION, rest) = bytes.split_first()? else {
            return None;
        };
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let aad = associated(name);
        let opened = self.ciphers.iter().find_map(|cipher| {
            let payload = Payload {
                msg: sealed,
                aad: &aad,
            };
            cipher.decrypt(&Nonce::from(*nonce), payload).ok()
        });
        Entry::from_bytes(&Zeroizing::new(opened?)).ok()
    }
}

fn associated(name: &str) -> Vec<u8> {
    [LABEL, name.as_bytes()].concat()
}
