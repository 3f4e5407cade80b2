//! The bytes of a recorded event that become a leaf of the tree.
//!
//! They are JSON in the canonical form of RFC 8785, with one difference that makes numbers exact; see [`CanonicalJson`].

mod canonical;
mod columns;
mod decode;
mod encode;
mod fields;
mod json;
mod number;
mod printed;
mod row;

pub use canonical::{CanonicalJson, JSON_DEPTH_MAX};
pub(crate) use columns::{bounded_event_columns, bounded_json, event_columns};
pub use decode::EntryInvalid;
pub(crate) use encode::targets_json;
pub use encode::{ENTRY_BYTES_MAX, ENTRY_VERSION, EntryError};
pub use fields::Entry;
pub(crate) use json::Json;
pub use json::JsonInvalid;
pub(crate) use printed::{Unstorable, storable};
pub use row::StoredRow;
