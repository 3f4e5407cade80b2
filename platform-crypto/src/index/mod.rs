//! Blind indexes: equality search over sealed columns.

mod blind_index;
mod fold;
mod normalizer;
#[cfg(feature = "pg")]
mod rows;
#[cfg(feature = "pg")]
mod search;
mod tag;
#[cfg(feature = "pg")]
mod tagged;

pub use blind_index::BlindIndex;
pub use normalizer::{LowEntropy, Normalizer, NotIndexable};
pub use tag::Tag;

#[cfg(feature = "pg")]
pub use search::{Reading, TagError};
#[cfg(feature = "pg")]
pub use tagged::Tagged;

#[cfg(feature = "pg")]
pub(crate) use rows::{behind, count_behind, delete_of_subject, delete_version, still_tagged};
