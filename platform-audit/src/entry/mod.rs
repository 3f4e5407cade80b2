//! The bytes of a recorded event that become a leaf of the tree.
//!
//! They are JSON in the canonical form of RFC 8785, with one difference that makes numbers exact; see [`CanonicalJson`].

mod canonical;
mod decode;
mod encode;
mod fields;
mod json;
mod number;
mod row;

pub use canonical::{CanonicalJson, JSON_DEPTH_MAX};
pub use decode::EntryInvalid;
pub use encode::{ENTRY_BYTES_MAX, ENTRY_VERSION, EntryError};
pub use fields::Entry;
pub use json::JsonInvalid;
pub use row::StoredRow;
