//! Matching orders that rest: an index in memory says what is worth trying, the rows decide.

mod drift;
mod index;
mod worker;

pub(crate) use index::{OpenOrder, OpenOrders};
pub use worker::{HousekeepingWorker, MatchingWorker};
