//! The key of a tenant or of a subject, and the keys derived from it.

use std::fmt::{self, Debug};

use hkdf::Hkdf;
use platform_core::Sources;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::{KeyId, Label};

const KEY_ID_INFO: &[u8] = b"platform-crypto/v1/key-id";

/// A 256-bit data key: of a tenant, or of one of its subjects.
///
/// It encrypts nothing itself. Every use has a key of its own, derived with HKDF-SHA256 (see [`subkey`](Self::subkey)), so that
/// what is learned from one use says nothing about another. The bytes stay in one place on the heap and are overwritten on drop.
///
/// ```
/// use platform_core::Sources;
/// use platform_crypto::DataKey;
///
/// let key = DataKey::generate(&Sources::system());
/// assert_eq!(key.id(), DataKey::from_bytes(*key.expose_bytes()).id());
/// assert_eq!(format!("{key:?}"), format!("DataKey({})", key.id()));
/// ```
pub struct DataKey {
    bytes: Box<Zeroizing<[u8; 32]>>,
    id: KeyId,
}

/// A key for one use, derived from a [`DataKey`]; overwritten on drop.
pub struct Subkey(Box<Zeroizing<[u8; 32]>>);

/// A data key has 32 bytes; what was given has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a data key has 32 bytes, this one has {0}")]
pub struct WrongKeyLength(pub usize);

impl DataKey {
    /// Draws a new key.
    pub fn generate(sources: &Sources) -> Self {
        Self::from_bytes(sources.bytes())
    }

    /// The key of these bytes.
    pub fn from_bytes(mut bytes: [u8; 32]) -> Self {
        let key = Self::from_boxed(boxed(&bytes));
        bytes.zeroize();
        key
    }

    /// The key of these bytes, as they come out of a file or an unwrapping.
    ///
    /// # Errors
    /// [`WrongKeyLength`] when there are not 32 of them; it tells their number and nothing else.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, WrongKeyLength> {
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| WrongKeyLength(bytes.len()))?;
        Ok(Self::from_boxed(boxed(bytes)))
    }

    /// The id of this key, which is computed from it. It has 128 bits: another key with the id of a given one takes about 2^128 tries
    /// to find, two keys of one's own choice with the same id about 2^64.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The bytes, for wrapping and for nothing else.
    pub fn expose_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// The key for the use that `label` names.
    ///
    /// HKDF-SHA256 (RFC 5869) without salt, the key as input keying material, the encoded label as info, 32 bytes long.
    pub fn subkey(&self, label: &Label<'_>) -> Subkey {
        Subkey(expand(&self.bytes, &label.to_info()))
    }

    fn from_boxed(bytes: Box<Zeroizing<[u8; 32]>>) -> Self {
        let commitment = expand(&bytes, KEY_ID_INFO);
        let digest = Sha256::digest(commitment.as_slice());
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        let id = KeyId::from_bytes(id);
        Self { bytes, id }
    }
}

impl Subkey {
    /// The bytes, for a cipher or a MAC.
    pub fn expose_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({})", self.id)
    }
}

impl Debug for Subkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subkey(..)")
    }
}

fn boxed(bytes: &[u8; 32]) -> Box<Zeroizing<[u8; 32]>> {
    let mut boxed = Box::new(Zeroizing::new([0; 32]));
    boxed.copy_from_slice(bytes);
    boxed
}

fn expand(key: &[u8; 32], info: &[u8]) -> Box<Zeroizing<[u8; 32]>> {
    let mut derived = boxed(&[0; 32]);
    Hkdf::<Sha256>::new(None, key)
        .expand(info, derived.as_mut_slice())
        .expect("HKDF-SHA256 gives up to 8,160 bytes");
    derived
}
