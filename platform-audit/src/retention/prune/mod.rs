//! Deleting events whose time is over.

mod announce;
mod options;
mod pruner;
mod row;
mod settle;
mod signed;

pub use announce::PERMANENT;
pub use options::{PruneAfter, PruneError, PruneOptions, PruneSummary};
pub use pruner::Pruner;
use signed::SignedSizes;
