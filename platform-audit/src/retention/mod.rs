//! How long events are kept, what keeps them longer, and deleting them.

mod class;
mod error;
mod hold;
mod holds;
mod prune;
mod pruned;
mod range_set;

pub use class::{KeepFor, RetentionClass};
pub use error::{HoldError, InvalidHold};
pub use hold::{Hold, HoldId, HoldScope, NewHold};
pub use holds::{HOLD_PLACED, HOLD_RELEASED, HOLDS_MAX, HoldPage};
pub use prune::{PERMANENT, PruneAfter, PruneError, PruneOptions, PruneSummary, Pruner};
pub use pruned::PRUNED;
pub(crate) use pruned::Pruned;
