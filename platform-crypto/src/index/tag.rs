//! Computing a tag.

use std::fmt::{self, Debug};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{DataKey, Label};

use super::{BlindIndex, NotIndexable};

/// What stands for a value in a blind index: 1 to 16 bytes that tell nothing without the key but which values are equal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Box<[u8]>);

impl BlindIndex {
    /// The tag of a value under an index key.
    ///
    /// HMAC-SHA256 of the normalised value, under the subkey for the label `blind-index`, the index's name, the normaliser's name and
    /// its version (1 byte); the first [`bits`](Self::bits) of it, the last byte filled up with zeros. An index key is a key of its
    /// own: no key that seals is one.
    ///
    /// ```
    /// use platform_core::Sources;
    /// use platform_crypto::{BlindIndex, DataKey, Normalizer};
    ///
    /// const EMAIL: BlindIndex = BlindIndex::unique("crm.customer.email", Normalizer::Email);
    ///
    /// let key = DataKey::generate(&Sources::system());
    /// assert_eq!(EMAIL.tag(&key, "ada@example.com")?, EMAIL.tag(&key, " Ada@EXAMPLE.com")?);
    /// assert_ne!(EMAIL.tag(&key, "ada@example.com")?, EMAIL.tag(&key, "bob@example.com")?);
    /// # Ok::<(), platform_crypto::NotIndexable>(())
    /// ```
    ///
    /// # Errors
    /// [`NotIndexable`]: the value gets no tag.
    pub fn tag(&self, key: &DataKey, value: &str) -> Result<Tag, NotIndexable> {
        let normal = self.normalize(value)?;
        let (rule, version) = self.rule();
        let subkey = key.subkey(&Label::new(&[
            b"blind-index",
            self.name().as_bytes(),
            rule.as_bytes(),
            &[version],
        ]));
        let mut mac =
            Hmac::<Sha256>::new_from_slice(subkey.expose_bytes()).expect("HMAC takes keys of any length");
        mac.update(normal.as_bytes());
        let digest = mac.finalize().into_bytes();
        Ok(Tag::truncated(&digest, self.bits()))
    }
}

impl Tag {
    fn truncated(digest: &[u8], bits: u32) -> Self {
        let mut left = bits;
        let mut tag = Vec::with_capacity(16);
        for byte in digest {
            match left {
                0 => break,
                1..8 => tag.push(byte & (u8::MAX << (8 - left))),
                _ => tag.push(*byte),
            }
            left = left.saturating_sub(8);
        }
        Self(tag.into())
    }

    /// The bytes, as they stand in a table.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Shows nothing: a tag is the same in every log line about the same person.
impl Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({} B)", self.0.len())
    }
}
