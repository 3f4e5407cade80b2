//! A Merkle tree over the trail: hashes, roots, proofs and tiles, as pure functions.
//!
//! The tree is the one of RFC 6962, section 2.1 (unchanged in RFC 9162, section 2.1) over SHA-256; tiles have the form of
//! C2SP `tlog-tiles`. Nothing in here reads a file or a database: hashes come from a [`HashSource`].

mod growth;
mod hash;
mod plan;
mod range;
mod source;
mod spine;
mod tile;
mod tile_id;
mod verify;

pub use growth::{TreeGrowth, TreeGrowthError};
pub use hash::{HASH_BYTES, LeafHash, NodeHash, NotAHash, TreeHead};
pub use plan::{ConsistencyProof, InclusionProof, NoSuchProof, ProofPlan};
pub use range::{CompactRange, CompactRangeError, TreeFull};
pub use source::{HashSource, Leaves, MissingHash, NodeAt};
pub use tile::{MalformedTile, TILE_WIDTH, Tile, Tiles};
pub(crate) use tile_id::TILE_HEIGHT;
pub use tile_id::{MalformedTilePath, TileId};
pub use verify::{ProofInvalid, verify_consistency, verify_inclusion};
