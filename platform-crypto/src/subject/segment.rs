//! How a puncturable key is written down.

use platform_core::TenantId;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::puncturable::{Node, PuncturableKey};

const MAGIC: [u8; 4] = *b"pcek";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 4 + 1 + 1 + 16 + 4 + 2;
const NODE_BYTES: usize = 2 + 1 + 32;
const DIGEST_BYTES: usize = 32;

/// Names one puncturable key: a tenant has one for each [`PuncturableKey::SLOTS`] of its subjects, numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SegmentId {
    /// Whose subjects.
    pub tenant: TenantId,
    /// Which of the tenant's keys.
    pub number: u32,
}

/// The bytes are not those of the puncturable key that was asked for: damaged, of a later version, or another one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored erasure key is not what was written for this tenant and segment")]
pub struct InvalidSegment;

impl PuncturableKey {
    /// Writes the key down as segment `id`: at most 290 kB that [`decode`](Self::decode) reads.
    ///
    /// Big-endian: `pcek`, version 1, levels of the tree, tenant (16 bytes), segment (4), number of nodes (2); for every node its
    /// first slot (2), its level (1) and its seed (32); SHA-256 of all that, against damage.
    pub fn encode(&self, id: SegmentId) -> Zeroizing<Vec<u8>> {
        let nodes = self.as_nodes();
        let size = HEADER_BYTES + nodes.len() * NODE_BYTES + DIGEST_BYTES;
        let mut bytes = Zeroizing::new(Vec::with_capacity(size));
        bytes.extend_from_slice(&header(id));
        let count =
            u16::try_from(nodes.len()).expect("a tree of 16,384 leaves has at most half as many nodes");
        bytes.extend_from_slice(&count.to_be_bytes());
        for node in nodes {
            bytes.extend_from_slice(&node.first.to_be_bytes());
            bytes.push(node.level);
            bytes.extend_from_slice(node.seed.as_slice());
        }
        let digest = Sha256::digest(bytes.as_slice());
        bytes.extend_from_slice(&digest);
        bytes
    }

    /// Reads what [`encode`](Self::encode) has written for segment `id`.
    ///
    /// # Errors
    /// [`InvalidSegment`] when it was not: restore the store from its replica, never start a new key in its place.
    pub fn decode(id: SegmentId, bytes: &[u8]) -> Result<Self, InvalidSegment> {
        let (content, digest) = bytes.split_last_chunk::<DIGEST_BYTES>().ok_or(InvalidSegment)?;
        let (found, nodes) = content.split_at_checked(HEADER_BYTES).ok_or(InvalidSegment)?;
        let (found, count) = found.split_last_chunk::<2>().ok_or(InvalidSegment)?;
        let whole = Sha256::digest(content).as_slice() == digest
            && found == header(id)
            && nodes.len() == usize::from(u16::from_be_bytes(*count)) * NODE_BYTES;
        if !whole {
            return Err(InvalidSegment);
        }
        let mut free_from: u32 = 0;
        let mut read = Vec::with_capacity(nodes.len() / NODE_BYTES);
        for bytes in nodes.chunks_exact(NODE_BYTES) {
            let node = decode_node(bytes).ok_or(InvalidSegment)?;
            let first = u32::from(node.first);
            if first < free_from {
                return Err(InvalidSegment);
            }
            free_from = first + (1 << node.level);
            read.push(node);
        }
        Ok(Self::from_nodes(read))
    }
}

fn header(id: SegmentId) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(&MAGIC);
    header.extend_from_slice(&[VERSION, PuncturableKey::LEVELS]);
    header.extend_from_slice(id.tenant.as_uuid().as_bytes());
    header.extend_from_slice(&id.number.to_be_bytes());
    header
}

/// A node that stands where nodes of its level stand, within the tree.
fn decode_node(bytes: &[u8]) -> Option<Node> {
    let (first, rest) = bytes.split_first_chunk::<2>()?;
    let (&level, seed) = rest.split_first()?;
    let first = u16::from_be_bytes(*first);
    let stands =
        level <= PuncturableKey::LEVELS && first < PuncturableKey::SLOTS && first % (1 << level) == 0;
    if !stands {
        return None;
    }
    let mut boxed: Box<Zeroizing<[u8; 32]>> = Box::default();
    boxed.copy_from_slice(seed.first_chunk::<32>()?);
    Some(Node {
        first,
        level,
        seed: boxed,
    })
}
