//! Matching orders that rest: an index in memory says what is worth trying, the rows decide.

mod book;
mod closed;
mod drift;
mod housekeeping;
mod index;
mod lead;
#[cfg(feature = "http")]
mod notices;
mod open;
mod schedule;
mod shard;
mod worker;

pub use housekeeping::HousekeepingWorker;
pub(crate) use index::OpenOrders;
pub use lead::LedMatchingWorker;
pub(crate) use open::OpenOrder;
pub(crate) use shard::Shards;
pub use worker::MatchingWorker;
