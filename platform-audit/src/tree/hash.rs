//! The two kinds of hashes in a tree, and the head that they end in.

use std::fmt::{self, Debug, Display};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// How long every hash is.
pub const HASH_BYTES: usize = 32;

const LEAF_PREFIX: u8 = 0x00;
const NODE_PREFIX: u8 = 0x01;

/// The hash of what one leaf holds: `SHA-256(0x00 || bytes)`.
///
/// The first byte keeps leaves and nodes apart, so that the two children of a node cannot be passed off as the bytes of a leaf
/// (RFC 6962, section 2.1).
///
/// ```
/// use platform_audit::LeafHash;
///
/// assert_eq!(
///     LeafHash::of(b"").to_string(),
///     "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
/// );
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafHash([u8; HASH_BYTES]);

/// The hash of a subtree, and so of a whole tree: `SHA-256(0x01 || left || right)`, or the leaf hash where there is one leaf.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeHash([u8; HASH_BYTES]);

/// Bytes or text that are not 32 bytes of hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hash has 32 bytes, in text as 44 characters of base64")]
pub struct NotAHash;

/// How many leaves a tree has, and the root over them: all that a signature has to cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TreeHead {
    /// The number of leaves.
    pub size: u64,
    /// The hash over all of them.
    pub root: NodeHash,
}

impl LeafHash {
    /// Hashes what a leaf holds.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update([LEAF_PREFIX]);
        hasher.update(bytes);
        Self(hasher.finalize().into())
    }
}

impl NodeHash {
    /// Hashes two neighbouring subtrees into the one above them.
    pub fn of(left: &Self, right: &Self) -> Self {
        let mut input = [NODE_PREFIX; 1 + 2 * HASH_BYTES];
        input[1..=HASH_BYTES].copy_from_slice(&left.0);
        input[1 + HASH_BYTES..].copy_from_slice(&right.0);
        Self(Sha256::digest(input).into())
    }

    /// The root of a tree without leaves: the hash of nothing.
    pub fn empty() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// Reads a hash from 44 characters of padded base64, the one spelling of it.
    ///
    /// # Errors
    /// [`NotAHash`] for anything else.
    pub fn from_base64(text: &str) -> Result<Self, NotAHash> {
        let bytes = STANDARD.decode(text).map_err(|_| NotAHash)?;
        Self::from_slice(&bytes)
    }

    /// The hash as 44 characters of base64.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }
}

impl From<LeafHash> for NodeHash {
    /// A leaf is the subtree of height 0.
    fn from(leaf: LeafHash) -> Self {
        Self(leaf.0)
    }
}

impl TreeHead {
    /// The head of a tree without leaves.
    pub fn empty() -> Self {
        Self {
            size: 0,
            root: NodeHash::empty(),
        }
    }
}

macro_rules! hash_bytes {
    ($name:ident) => {
        impl $name {
            /// The hash that stored bytes stand for. That it is of the right kind is the caller's word.
            pub const fn from_bytes(bytes: [u8; HASH_BYTES]) -> Self {
                Self(bytes)
            }

            /// The hash that stored bytes stand for.
            ///
            /// # Errors
            /// [`NotAHash`] when there are not 32.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, NotAHash> {
                bytes.try_into().map(Self).map_err(|_| NotAHash)
            }

            /// The 32 bytes, for a column or a tile.
            pub const fn as_bytes(&self) -> &[u8; HASH_BYTES] {
                &self.0
            }
        }

        impl Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

hash_bytes!(LeafHash);
hash_bytes!(NodeHash);
