//! Proofs from the stored tree. Nothing in here signs.

mod checkpoint;
mod consistency;
mod entries;
mod entry;
mod error;
mod inclusion;
mod known;
mod tiles;

pub use checkpoint::StoredCheckpoint;
pub use entries::EntryTile;
pub use error::ProveError;
pub(crate) use inclusion::inclusions;
pub(crate) use tiles::read_tiles;
