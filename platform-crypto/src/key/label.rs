//! What a derived key is for.

const PREFIX: &[u8] = b"platform-crypto/v1";

/// Names one use of a data key: the same label gives the same key, any other an independent one.
///
/// The parts become the `info` of HKDF: `platform-crypto/v1`, then every part behind its length in two bytes, most significant
/// first. Lengths make the encoding injective, a separator would not: `["ab", "c"]` and `["a", "bc"]` are two labels. The first
/// part says what kind of use it is:
///
/// | first part | then | key for |
/// |---|---|---|
/// | `field` | table, column | AES-256-GCM of a sealed column |
/// | `blind-index` | index, normaliser, its version | HMAC-SHA256 of the tags of an index |
/// | `subject` | | one half of what wraps the keys of data subjects |
/// | `subject-wrap` | tenant, subject, key id, segment, slot | the wrapping of one subject's key |
/// | `wrap` | tenant, purpose, key id | the wrapping of a tenant's data key, from a local root key |
/// | `passphrase-check` | | telling a wrong passphrase, from a local root key |
///
/// ```
/// use platform_crypto::{DataKey, Label};
///
/// let key = DataKey::from_bytes([7; 32]);
/// let one = key.subkey(&Label::new(&[b"field", b"crm.customer", b"email"]));
/// let other = key.subkey(&Label::new(&[b"field", b"crm.customere", b"mail"]));
/// assert_ne!(one.expose_bytes(), other.expose_bytes());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Label<'a>(&'a [&'a [u8]]);

impl<'a> Label<'a> {
    /// The longest part, in bytes.
    pub const PART_BYTES_MAX: usize = 1024;

    /// The label of these parts.
    ///
    /// # Panics
    /// With no part, or with one above [`PART_BYTES_MAX`](Self::PART_BYTES_MAX): labels are written in code, not computed from input.
    pub fn new(parts: &'a [&'a [u8]]) -> Self {
        assert!(
            !parts.is_empty() && parts.iter().all(|part| part.len() <= Self::PART_BYTES_MAX),
            "a label has parts of at most 1,024 bytes"
        );
        Self(parts)
    }

    /// The encoding of this label: the `info` of HKDF.
    pub fn to_info(&self) -> Vec<u8> {
        let mut info = PREFIX.to_vec();
        for part in self.0 {
            let length = u16::try_from(part.len()).expect("a part has at most 1,024 bytes");
            info.extend_from_slice(&length.to_be_bytes());
            info.extend_from_slice(part);
        }
        info
    }
}
