//! Blind indexes: equality search over sealed columns.

mod blind_index;
mod fold;
mod normalizer;
mod tag;

pub use blind_index::BlindIndex;
pub use normalizer::{LowEntropy, Normalizer, NotIndexable};
pub use tag::Tag;
