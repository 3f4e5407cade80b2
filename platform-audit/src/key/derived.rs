//! Keys made from the log's key, each for one use.

use std::fmt::{self, Debug};
use std::sync::Arc;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// A key of 32 bytes that overwrites itself.
pub(crate) type DerivedKey = Zeroizing<[u8; 32]>;

/// HKDF-SHA256 (RFC 5869) without salt, with `label` as info.
pub(crate) fn derive(secret: &[u8; 32], label: &[u8]) -> DerivedKey {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, secret)
        .expand(label, key.as_mut_slice())
        .expect("32 bytes are within what HKDF gives");
    key
}

/// Makes tags by HMAC-SHA256 (RFC 2104), and takes those of the log's older keys too.
#[derive(Clone)]
pub(crate) struct MacKey {
    current: Arc<DerivedKey>,
    older: Arc<[DerivedKey]>,
}

impl MacKey {
    pub(super) fn new(current: DerivedKey, older: Vec<DerivedKey>) -> Self {
        Self {
            current: Arc::new(current),
            older: older.into(),
        }
    }

    /// The tag of a message, under the newest key.
    pub(crate) fn tag(&self, message: &[u8]) -> [u8; 32] {
        keyed(&self.current, message).finalize().into_bytes().into()
    }

    /// Whether it is the tag of this message, in a time that does not depend on where they differ.
    pub(crate) fn verifies(&self, message: &[u8], tag: &[u8; 32]) -> bool {
        let is_tag = |key: &DerivedKey| keyed(key, message).verify_slice(tag).is_ok();
        is_tag(&self.current) || self.older.iter().any(is_tag)
    }
}

fn keyed(key: &DerivedKey, message: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_slice()).expect("HMAC takes keys of any length");
    mac.update(message);
    mac
}

impl Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacKey({} older)", self.older.len())
    }
}
