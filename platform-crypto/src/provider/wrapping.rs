//! What is wrapped, for whom, and by which root key.

use std::fmt;
use std::str::FromStr;

use platform_core::TenantId;

use crate::{KeyId, Purpose};

/// A reference is short enough for a column, a log line and an error.
const REF_BYTES_MAX: usize = 128;

/// What a wrapped data key is bound to: unwrapping it under another context is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrapContext {
    /// The tenant whose key it is.
    pub tenant: TenantId,
    /// What the key is for.
    pub purpose: Purpose,
    /// The id of the key inside, which commits to it.
    pub key: KeyId,
}

impl WrapContext {
    /// The context as bytes: a name of the format, then tenant, purpose and key id, each behind its length (two bytes, big-endian),
    /// so that no two contexts have the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let tenant = self.tenant.as_uuid();
        let parts: [&[u8]; 4] = [
            b"platform-crypto/v1/wrap",
            tenant.as_bytes(),
            self.purpose.as_str().as_bytes(),
            self.key.as_bytes(),
        ];
        let mut bytes = Vec::with_capacity(72);
        for part in parts {
            let length = u16::try_from(part.len()).expect("a part of the context is shorter than 64 KiB");
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

/// Names a root key without telling anything about it: `key:3f2a91c0`, `passphrase:8b01d2aa`, `vault:transit/platform`.
///
/// 3 to 128 visible ASCII characters with a colon; what stands before the colon is the kind. A key in a file and the same key in an
/// environment variable have the same name, so that it can move from one to the other.
///
/// ```
/// use platform_crypto::RootKeyRef;
///
/// let root: RootKeyRef = "vault:transit/platform".parse()?;
/// assert_eq!(root.kind(), "vault");
/// assert!("a key\n".parse::<RootKeyRef>().is_err());
/// # Ok::<(), platform_crypto::InvalidRootKeyRef>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RootKeyRef(String);

/// A text is not a reference to a root key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a reference to a root key is 3 to 128 visible ASCII characters such as key:3f2a91c0")]
pub struct InvalidRootKeyRef;

impl RootKeyRef {
    /// The reference as it is stored and logged.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the colon: `key`, `passphrase`, `vault`.
    pub fn kind(&self) -> &str {
        self.0.split_once(':').map_or("", |(kind, _)| kind)
    }

    /// A local key's reference: its kind and the first four bytes of the id that commits to it.
    pub(super) fn local(kind: &str, id: KeyId) -> Self {
        let [a, b, c, d, ..] = *id.as_bytes();
        Self(format!("{kind}:{:08x}", u32::from_be_bytes([a, b, c, d])))
    }
}

impl FromStr for RootKeyRef {
    type Err = InvalidRootKeyRef;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        match text.split_once(':') {
            Some((kind, name))
                if visible && !kind.is_empty() && !name.is_empty() && text.len() <= REF_BYTES_MAX =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(InvalidRootKeyRef),
        }
    }
}

impl fmt::Display for RootKeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A data key as it is stored: bytes that only the named root key opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// The root key that opens it.
    pub root: RootKeyRef,
    /// What the provider made of the key. Its form is the provider's own.
    pub bytes: Vec<u8>,
}
